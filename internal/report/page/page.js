'use strict';
// The page's script: it unpacks the files, draws them as a squarified treemap (Bruls, Huizing, van Wijk 2000) and lists
// them in a table of which only the rows in sight exist. Text of the image goes into the page as text, never as markup.
(() => {
const root = document.documentElement;
const $ = (id) => document.getElementById(id);
root.classList.add('script');

// ---- texts

const bytes = (n) => {
  let unit = 'B';
  for (const next of ['kB', 'MB', 'GB', 'TB']) {
    if (n < 999.5) break;
    n /= 1000;
    unit = next;
  }
  return n.toFixed(unit === 'B' || n >= 99.95 ? 0 : n >= 9.995 ? 1 : 2) + '\u00a0' + unit;
};
const percent = (part, whole) => (whole ? (100 * part / whole).toFixed(part * 100 < whole ? 2 : 1) : '0') + '\u00a0%';
const count = (n, what) => n.toLocaleString('en') + ' ' + what + (n === 1 ? '' : 's');
const el = (tag, className, ...children) => {
  const e = document.createElement(tag);
  if (className) e.className = className;
  e.append(...children);
  return e;
};

// ---- light and dark

const themes = [['', '◐', 'System'], ['light', '○', 'Light'], ['dark', '●', 'Dark']];
$('theme').addEventListener('click', () => {
  const at = themes.findIndex((t) => t[0] === (root.dataset.theme || ''));
  const [name, sign, title] = themes[(at + 1) % themes.length];
  root.dataset.theme = name;
  $('theme').replaceChildren(sign + ' ', el('span', '', title));
  $('theme').setAttribute('aria-label', 'Colours: ' + (name || 'as the system'));
});

// ---- data

let data, F, N, rootSize;
let shownFiles;               // Uint8Array: the filter lets the file through
const state = { group: 'directory', only: 'all', size: 'disk', query: '', node: null };

const load = async () => {
  const raw = Uint8Array.from(atob($('data').textContent.trim()), (c) => c.charCodeAt(0));
  data = await new Response(new Blob([raw]).stream().pipeThrough(new DecompressionStream('gzip'))).json();
  F = data.files;
  N = F.dir.length;
  F.target = new Map(Object.entries(F.target).map(([i, t]) => [Number(i), t]));
  shownFiles = new Uint8Array(N).fill(1);
};

const dirPaths = [];
const dirPath = (d) => {
  if (dirPaths[d] === undefined) dirPaths[d] = d === 0 ? '' : dirPath(data.dirs.parent[d]) + '/' + data.dirs.name[d];
  return dirPaths[d];
};
const filePath = (i) => dirPath(F.dir[i]) + '/' + F.name[i];
// A part of the map is a file's number, or, of a file of which only some bytes are needless, also that number plus N:
// the rest of it, where needless bytes are counted apart.
const fileOf = (p) => (p < N ? p : p - N);
const isPartly = (i) => F.wasted[i] > 0 && F.wasted[i] < F.bytes[i];
const isApart = () => state.group === 'category' || state.only === 'needless';
const sizeOf = (p) => {
  const i = fileOf(p);
  const size = state.size === 'pull' ? F.pull[i] : F.bytes[i];
  if (!isPartly(i) || !isApart()) return size;
  const part = Math.round(size * F.wasted[i] / F.bytes[i]);
  return p < N ? part : size - part;
};
const isHidden = (i) => F.by[i] > 0;
const isNeedless = (i) => F.rule[i] >= 0 && !isHidden(i);
const isMostlyNeedless = (p) => p < N && isNeedless(p) && (isApart() || 2 * F.wasted[p] > F.bytes[p]);
const stepOf = (layer) => data.steps[layer - 1] || 'no command is known';
const ownerOf = (i) => {
  const o = data.owners[F.owner[i]];
  return !o ? '' : o[0] ? o[1] + ' (' + o[0] + ')' : 'no package, layer ' + o[2];
};

let lower; // paths in small letters, made by the first search
const refilter = () => {
  const q = state.query.toLowerCase();
  if (q && !lower) lower = Array.from({ length: N }, (_, i) => filePath(i).toLowerCase());
  for (let i = 0; i < N; i++) {
    shownFiles[i] = (state.only === 'all' || (state.only === 'seen' && !isHidden(i)) || (state.only === 'hidden' && isHidden(i)) || (state.only === 'needless' && isNeedless(i)))
      && (!q || lower[i].includes(q)) ? 1 : 0;
  }
};

// ---- the tree that the map shows

class Node {
  constructor(name, parent) {
    this.name = name;
    this.parent = parent;
    this.kids = [];     // directories and groups
    this.files = [];    // numbers of files right in it
    this.size = 0;
    this.count = 0;
    this.hidden = 0;
    this.needless = 0;
    this.about = null;  // what a group is
    this.isDir = false;
    this.byKey = new Map();
  }
  child(key, name) {
    let c = this.byKey.get(key);
    if (!c) {
      c = new Node(name, this);
      this.byKey.set(key, c);
      this.kids.push(c);
    }
    return c;
  }
  // parts are what the map shows in it, the largest first: nodes, and files by number.
  get parts() {
    if (!this.sorted) {
      this.sorted = [...this.kids.filter((k) => k.size > 0), ...this.files.filter((i) => sizeOf(i) > 0)];
      this.sorted.sort((a, b) => partSize(b) - partSize(a));
    }
    return this.sorted;
  }
  get path() {
    const names = [];
    for (let n = this; n.parent; n = n.parent) names.unshift(n.name);
    return names;
  }
}
const partSize = (p) => (p instanceof Node ? p.size : sizeOf(p));

const nothingFound = 'nothing found';

// groups return a file's group below the root; null: its directories come right there.
const groups = {
  directory: () => null,
  layer: (top, i) => {
    const g = top.child(F.layer[i], 'layer ' + F.layer[i]);
    g.about = g.about || { step: stepOf(F.layer[i]) };
    return g;
  },
  owner: (top, i) => {
    const o = data.owners[F.owner[i]];
    if (!o) return top.child('none', isHidden(i) ? 'hidden files' : 'of nobody');
    if (!o[0]) {
      const g = top.child('', 'no package').child(o[2], 'layer ' + o[2]);
      g.about = g.about || { step: o[1] };
      return g;
    }
    return top.child(o[0], o[0] + ' packages').child(F.owner[i], o[1]);
  },
  category: (top, i) => {
    const r = data.rules[F.rule[i]];
    if (!r) return top.child('', isHidden(i) ? 'hidden' : nothingFound);
    const g = top.child(r[2], r[2] === 'overlay' ? 'hidden' : 'needless').child(F.rule[i], r[1]);
    g.about = g.about || { advice: r[3] };
    return g;
  },
};

const build = () => {
  const top = new Node(data.image, null);
  const group = groups[state.group];
  const at = new Map(); // group -> node by directory
  const dirNode = (g, d) => {
    if (d === 0) return g;
    let nodes = at.get(g);
    if (!nodes) at.set(g, nodes = new Map());
    let n = nodes.get(d);
    if (!n) {
      nodes.set(d, n = dirNode(g, data.dirs.parent[d]).child('d' + d, data.dirs.name[d]));
      n.isDir = true;
    }
    return n;
  };
  const add = (n, p, files) => {
    n.files.push(p);
    const i = fileOf(p);
    const size = sizeOf(p);
    const hidden = isHidden(i) ? size : 0;
    const needless = !isNeedless(i) || p >= N ? 0 : isApart() || !F.bytes[i] ? size : size * F.wasted[i] / F.bytes[i];
    for (; n; n = n.parent) {
      n.size += size;
      n.count += files;
      n.hidden += hidden;
      n.needless += needless;
    }
  };
  for (let i = 0; i < N; i++) {
    if (!shownFiles[i]) continue;
    add(dirNode(group(top, i) || top, F.dir[i]), i, 1);
    if (state.group === 'category' && state.only !== 'needless' && isPartly(i)) add(dirNode(top.child('', nothingFound), F.dir[i]), i + N, 0);
  }
  join(top);
  return top;
};

// join makes one of a directory and the only directory in it, and puts what the only directory of a group has right into
// the group.
const join = (n) => {
  for (let k = 0; k < n.kids.length; k++) {
    let c = n.kids[k];
    while (c.isDir && c.kids.length === 1 && c.files.length === 0) {
      const only = c.kids[0];
      only.name = c.name + '/' + only.name;
      only.parent = n;
      n.kids[k] = c = only;
    }
    join(c);
  }
  const only = n.kids[0];
  if (n.parent && !n.isDir && n.kids.length === 1 && n.files.length === 0 && only.isDir && only.files.length === 0) {
    n.kids = only.kids;
    for (const c of n.kids) {
      c.name = only.name + '/' + c.name;
      c.parent = n;
    }
  }
};

// ---- the map

const hues = [255, 150, 60, 320, 200, 100, 15, 285, 175, 40];
const leastArea = 90;         // px² below which parts are drawn as one
const mostCells = 2500;
let cells = [], used = 0;

const squarify = (sizes, x, y, w, h) => {
  const out = [];
  let left = sizes.reduce((a, b) => a + b, 0);
  for (let i = 0; i < sizes.length;) {
    const side = Math.min(w, h);
    const scale = w * h / left;
    let sum = 0, worst = Infinity, n = i;
    for (; n < sizes.length; n++) {
      const next = sum + sizes[n];
      const s2 = (next * scale) ** 2;
      const aspect = Math.max(side * side * sizes[i] * scale / s2, s2 / (side * side * sizes[n] * scale));
      if (aspect > worst) break;
      worst = aspect;
      sum = next;
    }
    const thick = sum * scale / side;
    let along = 0;
    for (; i < n; i++) {
      const long = sizes[i] * scale / thick;
      out.push(w < h ? [x + along, y, long, thick] : [x, y + along, thick, long]);
      along += long;
    }
    if (w < h) { y += thick; h -= thick; } else { x += thick; w -= thick; }
    left -= sum;
  }
  return out;
};

// layout puts the parts of a node into a rectangle. Each part right below what is shown has a hue of its own; where one
// is most of the whole, its parts have.
const layout = (node, x, y, w, h, depth, hue, up) => {
  const parts = node.parts;
  const scale = w * h / node.size;
  let n = parts.length;
  while (n > 0 && partSize(parts[n - 1]) * scale < leastArea) n--;
  if (cells.length + n > mostCells) n = Math.max(0, mostCells - cells.length);
  const drawn = parts.slice(0, n);
  const sizes = drawn.map(partSize);
  let rest = 0;
  for (let i = n; i < parts.length; i++) rest += partSize(parts[i]);
  if (rest > 0) sizes.push(rest);
  const before = up === null ? -1 : up;
  let last = -1;
  squarify(sizes, x, y, w, h).forEach(([cx, cy, cw, ch], i) => {
    const part = i < n ? drawn[i] : null;
    const plain = hue < 0 && part instanceof Node && sizes[i] * 2 > state.node.size;
    const cell = { part, node, rest: part === null ? parts.length - n : 0, size: sizes[i], x: cx, y: cy, w: cw, h: ch, depth, hue: plain ? -1 : hue < 0 ? hues[used++ % hues.length] : hue, up: before, last, next: -1, down: -1 };
    const at = cells.push(cell) - 1;
    if (last >= 0) cells[last].next = at; else if (up !== null) cells[up].down = at;
    last = at;
    if (part instanceof Node && cw > 26 && ch > 22) {
      const top = ch > 40 && cw > 44 ? 18 : 2;
      if (cw - 4 > 8 && ch - top - 2 > 8) layout(part, cx + 2, cy + top, cw - 4, ch - top - 2, depth + 1, cell.hue, at);
    }
  });
};

const cellName = (c) => (c.part === null ? count(c.rest, 'smaller part') : c.part instanceof Node ? c.part.name : F.name[fileOf(c.part)]);

const draw = () => {
  const map = $('map');
  cells = [];
  used = 0;
  map.setAttribute('aria-label', 'Map of ' + (state.node.path.join('/') || 'the whole image'));
  if (!(state.node.size > 0)) {
    map.replaceChildren(el('p', '', state.node.count ? 'Files without a byte have no place on the map; the table has them.' : 'No file fits.'));
    crumbs();
    return;
  }
  layout(state.node, 0, 0, map.clientWidth, map.clientHeight, 0, -1, null);
  const all = document.createDocumentFragment();
  cells.forEach((c, i) => {
    const e = el('div', 'cell');
    e.style.cssText = `left:${c.x.toFixed(1)}px;top:${c.y.toFixed(1)}px;width:${Math.max(c.w - 1, 1).toFixed(1)}px;height:${Math.max(c.h - 1, 1).toFixed(1)}px;--h:${c.hue};--d:${Math.min(c.depth, 6)}`;
    if (c.part === null) e.classList.add('rest');
    else if (!(c.part instanceof Node)) {
      e.classList.add('leaf');
      if (isHidden(fileOf(c.part))) e.classList.add('hidden');
      else if (isMostlyNeedless(c.part)) e.classList.add('needless');
    } else if (c.down < 0) {
      e.classList.add('leaf');
      if (c.part.hidden * 2 > c.part.size) e.classList.add('hidden');
      else if (c.part.needless * 2 > c.part.size) e.classList.add('needless');
    }
    if (c.hue < 0) e.classList.add('plain');
    const name = cellName(c);
    if (c.w > 44 && c.h > 15) {
      const label = el('span', '', name);
      if (c.w > 90) label.append(el('small', '', bytes(c.size)));
      e.append(label);
    }
    e.dataset.cell = i;
    e.tabIndex = i === 0 ? 0 : -1;
    e.setAttribute('role', 'treeitem');
    e.setAttribute('aria-level', c.depth + 1);
    e.setAttribute('aria-label', name + ', ' + bytes(c.size));
    all.append(e);
  });
  map.replaceChildren(all);
  crumbs();
};

const crumbs = () => {
  const way = [];
  for (let n = state.node; n; n = n.parent) way.unshift(n);
  const nav = $('crumbs');
  nav.replaceChildren();
  way.forEach((n, i) => {
    const b = el('button', '', n.parent ? n.name : 'Whole image');
    b.type = 'button';
    if (n === state.node) b.setAttribute('aria-current', 'true');
    b.addEventListener('click', () => zoom(n));
    if (i) nav.append(el('i', '', '/'));
    nav.append(b);
  });
  nav.append(el('span', 'size', `${bytes(state.node.size)} ${state.size === 'pull' ? 'to pull, estimated' : 'on disk'} in ${count(state.node.count, 'file')}`));
};

const zoom = (node, keepFocus) => {
  state.node = node;
  draw();
  aboutNode(node);
  fillTable();
  if (keepFocus) focusCell(0);
};

const focusCell = (i) => {
  const e = $('map').children[i];
  if (!e || !e.dataset.cell) return;
  $('map').querySelectorAll('[tabindex="0"]').forEach((x) => { x.tabIndex = -1; });
  e.tabIndex = 0;
  e.focus({ preventScroll: true });
};

const enter = (i, byKey) => {
  const c = cells[i];
  if (c.part instanceof Node) zoom(c.part, byKey);
  else if (c.part === null && c.node !== state.node) zoom(c.node, byKey);
  else if (c.part !== null) choose(fileOf(c.part));
};

const cellAt = (event) => {
  const e = event.target.closest('.cell');
  return e ? Number(e.dataset.cell) : -1;
};

const mapKeys = (event) => {
  const i = cellAt(event);
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const c = cells[i] || { up: -1, last: -1, next: -1, down: -1 };
  const to = { ArrowRight: c.next, ArrowLeft: c.last, ArrowDown: c.down, ArrowUp: c.up }[event.key];
  if (to !== undefined) {
    if (to >= 0) focusCell(to);
  } else if (event.key === 'Enter' || event.key === ' ') {
    if (i >= 0) enter(i, true);
  } else if (event.key === 'Escape' || event.key === 'Backspace') {
    if (state.node.parent) zoom(state.node.parent, true);
  } else if (event.key === 'Home') {
    zoom(top(), true);
  } else return;
  event.preventDefault();
};

const top = () => {
  let n = state.node;
  while (n.parent) n = n.parent;
  return n;
};

// ---- what there is to say of a part

const about = (title, size, pairs) => {
  const list = el('dl', '');
  for (const [name, value, className] of pairs) {
    if (value) list.append(el('dt', '', name), el('dd', className || '', value));
  }
  $('about').replaceChildren(el('h3', '', title), el('div', 'big', bytes(size), el('small', '', percent(size, rootSize()) + ' of the image')), list);
};

const aboutNode = (n) => {
  const inside = n.about && n.about.step ? el('code', '', n.about.step) : '';
  about(n.path.join('/') || data.image, n.size, [
    ['Files', count(n.count, 'file')],
    ['Hidden', n.hidden ? bytes(n.hidden) + ', no container sees it' : '', 'hidden'],
    ['Needless', n.needless ? bytes(Math.round(n.needless)) + ', it could do without' : '', 'needless'],
    ['Step', inside],
    ['Advice', n.about && n.about.advice],
  ]);
};

const aboutFile = (i) => {
  const rule = data.rules[F.rule[i]];
  const target = F.target.get(i);
  about(filePath(i) + (target ? ' → ' + target : ''), state.size === 'pull' ? F.pull[i] : F.bytes[i], [
    ['Kind', data.types[F.type[i]] + ' ' + data.users[F.user[i]]],
    ['To pull', F.pull[i] ? '~' + bytes(F.pull[i]) : ''],
    ['Brought by', ownerOf(i)],
    ['Hidden by layer ' + F.by[i] + ' (' + data.kinds[F.kind[i]] + ')', isHidden(i) ? el('code', '', stepOf(F.by[i])) : '', 'hidden'],
    ['Needless', isPartly(i) ? bytes(F.wasted[i]) + ' of it' : '', 'needless'],
    [rule ? rule[1][0].toUpperCase() + rule[1].slice(1) : '', rule ? rule[3] : '', rule && rule[2] === 'overlay' ? 'hidden' : 'needless'],
    ['Layer ' + F.layer[i], el('code', '', stepOf(F.layer[i]))],
  ]);
};

const aboutCell = (i) => {
  const c = cells[i];
  if (!c) return;
  if (c.part instanceof Node) aboutNode(c.part);
  else if (c.part === null) about(count(c.rest, 'smaller part') + ' of ' + (c.node.path.join('/') || 'the image'), c.size, [['', 'Too small to draw here: zoom in, or see the table.']]);
  else aboutFile(fileOf(c.part));
};

let chosen = -1;
const choose = (i) => {
  chosen = i;
  aboutFile(i);
  $('map').querySelectorAll('.chosen').forEach((e) => e.classList.remove('chosen'));
  const at = cells.findIndex((c) => c.part === i);
  if (at >= 0) $('map').children[at].classList.add('chosen');
  drawRows();
};

// ---- the table

const rowHeight = 28;
const mostRows = 500000;      // browsers have a limit to how high an element is
const columns = [
  { name: 'Path', by: null, cell: (i) => el('bdi', '', filePath(i)), up: true },
  { name: 'Disk', number: true, by: (i) => F.bytes[i], cell: (i) => bytes(F.bytes[i]) },
  { name: 'Pull', number: true, by: (i) => F.pull[i], cell: (i) => (F.pull[i] ? '~' + bytes(F.pull[i]) : '–') },
  { name: 'Layer', number: true, by: (i) => F.layer[i], cell: (i) => String(F.layer[i]), up: true },
  { name: 'Finding', by: (i) => F.wasted[i], cell: (i) => (isHidden(i) ? el('span', 'hidden', data.kinds[F.kind[i]] + ' by ' + F.by[i]) : isNeedless(i) ? el('span', 'needless', data.rules[F.rule[i]][1]) : '') },
  { name: 'Brought by', by: (i) => F.owner[i], cell: ownerOf, up: true },
];
let rows = [], sortBy = 1, upward = false;

const filesOf = (n, out) => {
  for (const p of n.files) out.push(fileOf(p));
  for (const k of n.kids) filesOf(k, out);
  return out;
};

const fillTable = () => {
  rows = [...new Set(filesOf(state.node, []))];
  const { by } = columns[sortBy];
  const sign = upward ? 1 : -1;
  rows.sort(by ? (a, b) => sign * (by(a) - by(b)) || a - b : (a, b) => sign * (a - b)); // files are numbered in the order of their paths
  $('table').scrollTop = 0;
  $('table').setAttribute('aria-rowcount', rows.length + 1);
  $('rows').style.height = Math.min(rows.length, mostRows) * rowHeight + 'px';
  const where = state.node.path.join('/');
  $('found').textContent = count(rows.length, 'file') + (state.query ? ' with “' + state.query + '”' : '') + (where ? ' in ' + where : '') + (rows.length > mostRows ? ', the first ' + count(mostRows, 'row') + ' shown' : '');
  drawRows();
};

const drawRows = () => {
  const table = $('table');
  const from = Math.max(Math.floor(table.scrollTop / rowHeight) - 5, 0);
  const to = Math.min(from + Math.ceil(table.clientHeight / rowHeight) + 10, rows.length, mostRows);
  const all = document.createDocumentFragment();
  for (let r = from; r < to; r++) {
    const i = rows[r];
    const row = el('div', 'row', ...columns.map((c) => {
      const e = el('div', c.number ? 'n' : '', c.cell(i));
      e.setAttribute('role', 'gridcell');
      return e;
    }));
    row.setAttribute('role', 'row');
    row.setAttribute('aria-rowindex', r + 2);
    row.setAttribute('aria-selected', String(i === chosen));
    row.id = 'row' + r;
    row.title = filePath(i);
    row.dataset.row = r;
    row.style.top = r * rowHeight + 'px';
    all.append(row);
  }
  $('rows').replaceChildren(all);
};

const heads = () => {
  $('columns').replaceChildren(...columns.map((c, n) => {
    const b = el('button', c.number ? 'n' : '', c.name);
    b.type = 'button';
    b.addEventListener('click', () => {
      upward = n === sortBy ? !upward : !!c.up;
      sortBy = n;
      heads();
      fillTable();
      $('columns').children[n].firstChild.focus();
    });
    const e = el('div', c.number ? 'n' : '', b);
    e.setAttribute('role', 'columnheader');
    if (n === sortBy) e.setAttribute('aria-sort', upward ? 'ascending' : 'descending');
    return e;
  }));
};

const tableKeys = (event) => {
  const page = Math.floor($('table').clientHeight / rowHeight) - 2;
  const move = { ArrowDown: 1, ArrowUp: -1, PageDown: page, PageUp: -page, Home: -rows.length, End: rows.length }[event.key];
  if (move === undefined || event.target !== $('table') || !rows.length) return;
  event.preventDefault();
  const at = rows.indexOf(chosen);
  const to = Math.min(Math.max(at + move, 0), Math.min(rows.length, mostRows) - 1);
  const y = to * rowHeight;
  const table = $('table');
  if (y < table.scrollTop) table.scrollTop = y;
  else if (y + 2 * rowHeight + 8 > table.scrollTop + table.clientHeight) table.scrollTop = y + 2 * rowHeight + 8 - table.clientHeight;
  choose(rows[to]);
  table.setAttribute('aria-activedescendant', 'row' + to);
};

// ---- all together

const rebuild = () => {
  const way = state.node ? state.node.path : [];
  state.node = build();
  for (const name of way) { // stay where we are, as far as that is still there
    const next = state.node.kids.find((k) => k.name === name);
    if (!next) break;
    state.node = next;
  }
  zoom(state.node);
};

const regroup = (group, way) => {
  state.group = group;
  document.querySelector(`input[name="group"][value="${group}"]`).checked = true;
  state.node = null;
  rebuild();
  for (const name of way || []) {
    const next = state.node.kids.find((k) => k.name === name);
    if (next) zoom(next);
  }
};

const goTo = (group, way) => {
  state.query = $('search').value = '';
  state.only = 'all';
  document.querySelector('input[name="only"][value="all"]').checked = true;
  refilter();
  regroup(group, way);
  $('map-section').scrollIntoView();
};

const listen = () => {
  const map = $('map');
  map.addEventListener('click', (e) => { const i = cellAt(e); if (i >= 0) enter(i, false); });
  map.addEventListener('dblclick', (e) => { const c = cells[cellAt(e)]; if (c && c.node !== state.node && !(c.part instanceof Node)) zoom(c.node); });
  map.addEventListener('mouseover', (e) => { const i = cellAt(e); if (i >= 0) aboutCell(i); });
  map.addEventListener('mouseleave', () => (chosen >= 0 ? aboutFile(chosen) : aboutNode(state.node)));
  map.addEventListener('focusin', (e) => { const i = cellAt(e); if (i >= 0) aboutCell(i); });
  map.addEventListener('keydown', mapKeys);
  for (const name of ['group', 'only', 'size']) {
    document.querySelectorAll(`input[name="${name}"]`).forEach((input) => input.addEventListener('change', () => {
      state[name] = input.value;
      chosen = -1;
      if (name === 'group') { regroup(input.value); return; }
      refilter();
      rebuild();
    }));
  }
  let timer;
  $('search').addEventListener('input', () => {
    clearTimeout(timer);
    timer = setTimeout(() => {
      state.query = $('search').value.trim();
      refilter();
      rebuild();
    }, 120);
  });
  document.addEventListener('keydown', (e) => {
    if (e.key === '/' && !/^(INPUT|TEXTAREA)$/.test(e.target.tagName)) {
      e.preventDefault();
      $('search').focus();
    }
  });
  $('search').addEventListener('keydown', (e) => {
    if (e.key === 'Escape' && $('search').value) { $('search').value = ''; $('search').dispatchEvent(new Event('input')); e.preventDefault(); }
  });
  $('table').addEventListener('scroll', drawRows);
  $('table').addEventListener('keydown', tableKeys);
  $('rows').addEventListener('click', (e) => { const r = e.target.closest('.row'); if (r) choose(rows[r.dataset.row]); });
  let width = map.clientWidth;
  new ResizeObserver(() => { if (map.clientWidth !== width) { width = map.clientWidth; draw(); } }).observe(map);
  links();
};

// links leads from layers and findings to the map.
const links = () => {
  document.querySelectorAll('#layers tr[data-layer]').forEach((tr) => {
    const n = tr.dataset.layer;
    const b = el('button', '', n);
    b.type = 'button';
    b.setAttribute('aria-label', 'Layer ' + n + ' on the map');
    b.addEventListener('click', () => goTo('layer', ['layer ' + n]));
    tr.cells[0].replaceChildren(b);
    const code = tr.querySelector('code');
    if (code) code.addEventListener('click', () => tr.classList.toggle('open'));
  });
  document.querySelectorAll('#findings details').forEach((d) => {
    const r = data.rules.find((x) => x[0] === d.dataset.rule);
    if (!r || (r[2] !== 'overlay' && r[2] !== 'cost')) return;
    const b = el('button', 'show', 'Show on the map');
    b.type = 'button';
    b.addEventListener('click', () => goTo('category', [r[2] === 'overlay' ? 'hidden' : 'needless', r[1]]));
    d.append(b);
  });
};

const start = async () => {
  try {
    await load();
  } catch (error) {
    $('map').replaceChildren(el('p', '', 'This browser cannot unpack the files (it knows no DecompressionStream).'));
    return;
  }
  let disk = 0, pull = 0;
  for (let i = 0; i < N; i++) { disk += F.bytes[i]; pull += F.pull[i]; }
  rootSize = () => (state.size === 'pull' ? pull : disk);
  heads();
  rebuild();
  listen();
  performance.measure('ready');
};
start();
})();

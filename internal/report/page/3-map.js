// The map: a squarified treemap (Bruls, Huizing, van Wijk 2000) of elements, at most a few thousand, and what there is to
// say of each.

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

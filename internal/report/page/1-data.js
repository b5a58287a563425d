// Texts, and the files: unpacked, filtered. Text of the image goes into the page as text, never as markup.

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

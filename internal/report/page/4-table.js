// The table of the files, of which only the rows in sight exist.

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

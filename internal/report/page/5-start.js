// All together.

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

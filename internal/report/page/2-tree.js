// The tree that the map shows: groups, and the directories in them.

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

package observe

import "bytes"

// pathMax is the kernel's PATH_MAX: a text this long, without its zero byte, is refused.
const pathMax = 4096

// base is a directory that relative texts start from, with the texts that were seen there.
type base struct {
	name  string // as /proc tells it, so without symbolic links
	root  int    // length of the part that ".." does not leave: 0, or that of a changed root directory
	texts map[string]*entry
}

// join appends the path that text means at the base. ".." is resolved only against the base's own components: one that
// the text names may be a symbolic link.
func (d *base) join(to []byte, text []byte) []byte {
	start := len(to)
	to = append(to, d.name...)
	if len(to)-start == 1 { // "/"
		to = to[:start]
	}
	real := len(to) // no symbolic links before
	for len(text) > 0 {
		var c []byte
		c, text, _ = bytes.Cut(text, []byte{'/'})
		switch {
		case len(c) == 0, len(c) == 1 && c[0] == '.':
		case len(c) == 2 && c[0] == '.' && c[1] == '.' && len(to) == real:
			if i := bytes.LastIndexByte(to[start:], '/'); i >= d.root {
				to = to[:start+i]
				real = len(to)
			}
		default:
			to = append(append(to, '/'), c...)
		}
	}
	if len(to) == start {
		return append(to, '/')
	}
	return collapse(to, start)
}

// collapse makes numbers below /proc "*": processes and descriptors come and go, and must not fill the table.
func collapse(to []byte, start int) []byte {
	const proc = "/proc/"
	if !bytes.HasPrefix(to[start:], []byte(proc)) {
		return to
	}
	w := start + len(proc)
	for r := w; r < len(to); {
		end := r
		number := true
		for ; end < len(to) && to[end] != '/'; end++ {
			number = number && to[end] >= '0' && to[end] <= '9'
		}
		if number && end > r {
			to[w] = '*'
			w++
		} else {
			w += copy(to[w:], to[r:end])
		}
		if end < len(to) {
			to[w] = '/'
			w, end = w+1, end+1
		}
		r = end
	}
	return to[:w]
}

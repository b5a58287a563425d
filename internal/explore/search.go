package explore

import "strings"

// matcher reports whether a node is what a search looks for: a part of its name, or, with a slash in it, of its path.
// Capital letters count when there is one in the query.
func matcher(query string) func(*node) bool {
	part := (*node).name
	if strings.Contains(query, "/") {
		part = func(n *node) string { return n.path }
	}
	if lower := strings.ToLower(query); lower == query {
		return func(n *node) bool { return containsFold(part(n), lower) }
	}
	return func(n *node) bool { return strings.Contains(part(n), query) }
}

// containsFold is strings.Contains of s in small letters, without making them for most names.
func containsFold(s, lower string) bool {
	for i := range len(s) {
		if s[i] >= 'A' && s[i] <= 'Z' || s[i] >= 0x80 {
			return strings.Contains(strings.ToLower(s), lower)
		}
	}
	return strings.Contains(s, lower)
}

// search puts the cursor on the next match in the order of the rows, from the node from on (past it with next), forward
// or back, and around. It returns which of how many matches that is; 0 of 0 when there is none.
func (t *tree) search(query string, from int32, next, back bool) (which, matches int) {
	if query == "" {
		return 0, 0
	}
	if t.sorted == nil {
		t.sorted = t.appendRows(nil, 0, 0, true)
	}
	is := matcher(query)
	var found []int32
	here, past := -1, 0 // the first match from the node on; how many are before it
	seen := false
	for _, r := range t.sorted {
		if r.node == from {
			seen = true
			past = len(found)
		}
		if r.node != 0 && is(&t.nodes[r.node]) {
			if seen && here < 0 && !(next && r.node == from) {
				here = len(found)
			}
			found = append(found, r.node)
		}
	}
	switch {
	case len(found) == 0:
		return 0, 0
	case back:
		here = (past - 1 + len(found)) % len(found)
	case here < 0:
		here = 0
	}
	t.reveal(found[here])
	return here + 1, len(found)
}

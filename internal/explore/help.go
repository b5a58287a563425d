package explore

import "strings"

// keyText is a key, or several, and what it does.
type keyText struct{ key, what string }

// keysNow are the keys of what is shown, those first that must not be missing.
func (m *Model) keysNow() []keyText {
	if m.help {
		return []keyText{{"?", "back"}, {"q", "quit"}, {"pgdn pgup", "scroll"}}
	}
	keys := []keyText{{"?", "help"}, {"q", "quit"}}
	switch m.screen {
	case findings:
		return append(keys, keyText{"enter", "open, go there"}, keyText{"f", "its files"}, keyText{"1-3", "screens"})
	case owners:
		return append(keys, keyText{"enter", "its files"}, keyText{"1-3", "screens"})
	}
	if !m.onTree {
		return append(keys, keyText{"tab", "files"}, keyText{"/", "search"}, keyText{"s", "sort by " + orderNames[(m.tree().order+1)%orders]}, keyText{"acrhw", "filter"}, keyText{"1-3", "screens"})
	}
	return append(keys, keyText{"tab", "layers"}, keyText{"/", "search"}, keyText{"s", "sort by " + orderNames[(m.tree().order+1)%orders]}, keyText{"acrhw", "filter"}, keyText{"enter", "fold"}, keyText{"[ ]", "layer"}, keyText{"1-3", "screens"})
}

// Keys is the table of the keys, for the help and the documentation.
var Keys = []struct {
	Title string
	Keys  []struct{ Key, What string }
}{
	{"everywhere", []struct{ Key, What string }{
		{"1 2 3", "files, findings, owners"},
		{"up down, k j", "one line"},
		{"pgup pgdn, ctrl-b ctrl-f", "one page; half of one: ctrl-u ctrl-d"},
		{"home end, g G", "the first line, the last"},
		{"mouse", "click to choose, click again to open, wheel to scroll"},
		{"m", "leave the mouse to the terminal, to mark text"},
		{"?", "this help"},
		{"q, ctrl-c", "quit"},
	}},
	{"files", []struct{ Key, What string }{
		{"tab", "from the layers to the files and back"},
		{"[ ]", "the layer before, the next; the first line is the whole image"},
		{"enter, space", "open or close a directory"},
		{"right, left", "open, or down; close, or to the directory above"},
		{"*, -", "open all below; close all"},
		{"s", "sort by size, waste, name"},
		{"/", "search in names, with a slash in paths; n and N: next, before"},
		{"a c r", "show only what is added, changed, removed"},
		{"h w", "show only what is hidden, wasted; several keys add up"},
		{"esc", "show all again"},
	}},
	{"findings and owners", []struct{ Key, What string }{
		{"enter", "the places of a finding; go to a place; the files of an owner"},
		{"f", "the files of a finding"},
	}},
}

const helpLetters = `the letters before a path
  A  added: the layer brings it
  C  changed: a layer below has the path too
  R  removed: a layer below has it, and it is gone
  H  hidden: bytes that no container sees, and everybody pulls
  W  wasted: the image could do without
the columns
  size   bytes in the layer, of the whole image what a container sees
  waste  bytes in a finding, hidden ones among them
  hides  bytes of lower layers that a layer hides
  in     the layer that brings a file`

// helpBody is the keys and the letters.
func (m *Model) helpBody(room int) []string {
	var all []string
	for _, group := range Keys {
		all = append(all, group.Title)
		for _, k := range group.Keys {
			all = append(all, "  "+m.left(k.Key, 26)+k.What)
		}
	}
	all = append(all, strings.Split(helpLetters, "\n")...)
	l := &m.helpAt
	l.n = max(len(all)-room+1, 1)
	l.at = min(l.at, l.n-1)
	var lines []string
	for _, s := range all[l.at:min(l.at+max(room, 0), len(all))] {
		style := plainStyle
		if !strings.HasPrefix(s, " ") {
			style = boldStyle
		}
		lines = append(lines, m.line(false, span{" " + s, style}))
	}
	return lines
}

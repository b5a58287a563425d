package explore

import (
	"unicode"
	"unicode/utf8"

	tea "charm.land/bubbletea/v2"
)

// key does what a key says.
func (m *Model) key(msg tea.KeyPressMsg) tea.Cmd {
	if m.typing {
		return m.typed(msg)
	}
	k := msg.String()
	switch k {
	case "q", "ctrl+c":
		return tea.Quit
	case "ctrl+z":
		return tea.Suspend
	case "ctrl+l":
		return tea.ClearScreen
	case "?":
		m.help = !m.help
		return nil
	case "m":
		m.noMouse = !m.noMouse
		m.message = "the mouse chooses here"
		if m.noMouse {
			m.message = "the mouse marks text in the terminal"
		}
		return nil
	}
	if m.moved(k) {
		return nil
	}
	if m.help {
		if k == "esc" || k == "enter" {
			m.help = false
		}
		return nil
	}
	if m.switched(k) {
		return nil
	}
	switch m.screen {
	case findings:
		m.findingKey(k)
	case owners:
		if k == "enter" && m.owners.n > 0 {
			m.showOwner(m.owners.at)
		}
	default:
		m.fileKey(k)
	}
	return nil
}

// moved moves the cursor if the key is one for that.
func (m *Model) moved(k string) bool {
	l := m.current()
	switch k {
	case "up", "k":
		l.move(-1)
	case "down", "j":
		l.move(1)
	case "pgup", "ctrl+b":
		l.move(-l.page())
	case "pgdown", "ctrl+f":
		l.move(l.page())
	case "ctrl+u":
		l.move(-l.page() / 2)
	case "ctrl+d":
		l.move(l.page() / 2)
	case "home", "g":
		l.move(-l.n)
	case "end", "G":
		l.move(l.n)
	default:
		return false
	}
	if m.help {
		l.top = l.at // a text has no cursor
	}
	return true
}

// switched changes what is shown if the key is one for that.
func (m *Model) switched(k string) bool {
	switch k {
	case "1", "2", "3":
		m.screen = screen(k[0] - '1')
	case "tab":
		if m.screen == files {
			m.onTree = !m.onTree
		} else {
			m.screen = files
		}
	case "shift+tab":
		m.screen = (m.screen + screens - 1) % screens
	case "[":
		m.layers.move(-1)
	case "]":
		m.layers.move(1)
	case "/":
		m.screen, m.onTree = files, true
		m.typing, m.query, m.from = true, "", m.tree().node()
	case "n":
		m.screen = files
		m.again(false)
	case "N":
		m.screen = files
		m.again(true)
	case "s":
		o := (m.tree().order + 1) % orders
		for _, t := range m.trees {
			t.setOrder(o)
		}
	default:
		return false
	}
	return true
}

// filterKeys are the keys that show only what has a mark.
var filterKeys = []struct {
	key, name string
	mark      mark
}{
	{"a", "added", added}, {"c", "changed", changed}, {"r", "removed", removed}, {"h", "hidden", hidden}, {"w", "wasted", wasted},
}

// fileKey is for the layers and the tree.
func (m *Model) fileKey(k string) {
	t := m.tree()
	for _, f := range filterKeys {
		if k == f.key {
			to := t.filter
			to.marks ^= f.mark
			m.filterAll(to)
			return
		}
	}
	if k == "esc" {
		m.filterAll(filter{})
		return
	}
	if !m.onTree {
		if k == "enter" || k == "right" || k == "space" {
			m.onTree = true
		}
		return
	}
	i := t.node()
	n := &t.nodes[i]
	switch k {
	case "enter", "space":
		if n.isDir(i) {
			t.fold(i, !n.open)
		}
	case "right":
		if n.isDir(i) && !n.open {
			t.fold(i, true)
		} else {
			t.move(1)
		}
	case "left":
		switch {
		case n.isDir(i) && n.open && i > 0:
			t.fold(i, false)
		case n.parent >= 0:
			t.selectNode(n.parent)
		default:
			m.onTree = false
		}
	case "*":
		t.foldAll(i, true)
	case "-":
		t.foldAll(0, false)
	}
}

// filterAll filters every tree by marks, and this one by the rest too.
func (m *Model) filterAll(f filter) {
	here := m.tree()
	for _, t := range m.trees {
		if t != here {
			t.setFilter(filter{marks: f.marks})
		}
	}
	here.setFilter(f)
}

// typed takes a key for the query.
func (m *Model) typed(msg tea.KeyPressMsg) tea.Cmd {
	switch k := msg.String(); k {
	case "ctrl+c":
		return tea.Quit
	case "enter":
		m.typing = false
	case "esc":
		m.typing, m.query = false, ""
		m.tree().reveal(m.from)
	case "backspace":
		if m.query != "" {
			_, n := utf8.DecodeLastRuneInString(m.query)
			m.find(m.query[:len(m.query)-n], m.from)
		}
	case "ctrl+u":
		m.find("", m.from)
	case "up", "down":
		m.again(k == "up")
	default:
		if r, _ := utf8.DecodeRuneInString(msg.Text); unicode.IsPrint(r) {
			m.find(m.query+msg.Text, m.from)
		}
	}
	return nil
}

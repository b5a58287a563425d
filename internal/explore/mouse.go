package explore

// area is a part of the screen with lines of a list.
type area struct {
	from, to int // lines of the screen, to not included
	list     *list
}

// areas are what can be clicked on.
type areas struct {
	tabs  [screens][2]int // columns of the first line
	lists []area
}

// at returns the list that a line of the screen belongs to, and which of its lines that is.
func (a *areas) at(y int) (*list, int) {
	for _, x := range a.lists {
		if y >= x.from && y < x.to {
			return x.list, x.list.top + y - x.from
		}
	}
	return nil, 0
}

func (m *Model) wheel(y, by int) {
	if m.help {
		m.helpAt.move(by)
		m.helpAt.top = m.helpAt.at
		return
	}
	if l, _ := m.areas.at(y); l != nil {
		l.scroll(by)
	}
}

// click puts the cursor where the mouse is. On the line of the cursor it does what enter does.
func (m *Model) click(x, y int) {
	if m.help {
		m.help = false
		return
	}
	m.typing = false
	if y == 0 {
		for s, c := range m.areas.tabs {
			if x >= c[0] && x < c[1] {
				m.screen = screen(s)
			}
		}
		return
	}
	l, line := m.areas.at(y)
	if l == nil || line >= l.n {
		return
	}
	was := l.at
	l.at = line
	switch {
	case m.screen == findings && was == line:
		m.findingKey("enter")
	case m.screen == owners && was == line:
		m.showOwner(line)
	case m.screen == files:
		again := m.onTree && was == line
		m.onTree = l != &m.layers
		if again && m.onTree {
			m.fileKey("enter")
		}
	}
}

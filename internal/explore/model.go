package explore

import (
	"fmt"

	tea "charm.land/bubbletea/v2"

	"github.com/lighten/lighten/internal/report"
)

// screen is what the terminal shows.
type screen int

const (
	files screen = iota
	findings
	owners
	screens
)

var screenNames = [screens]string{"Files", "Findings", "Owners"}

// Model is the state of the program, a [tea.Model].
type Model struct {
	report        *report.Inspect
	glyphs        *glyphs
	width, height int
	screen        screen
	onTree        bool          // of the screen files: the keys are the tree's, not the layers'
	layers        list          // the first line is the whole image
	trees         map[int]*tree // by layer, 0 the whole image; made when first seen
	findings      findingList
	owners        list
	help          bool
	helpAt        list
	typing        bool    // the keys are the query's
	query         string  //
	from          int32   // where the search began
	message       string  // shown until the next key
	waste         []int64 // by layer, 0 all: bytes in findings; nil until it is needed
	noMouse       bool    // the mouse is the terminal's own, to mark text
	areas         areas   // where what was drawn last lies, for the mouse
}

// New returns the program for a report with its Files. ASCII says that the terminal shows no other characters.
func New(r *report.Inspect, ascii bool) *Model {
	m := &Model{report: r, glyphs: &unicodeGlyphs, width: 80, height: 24, trees: map[int]*tree{}}
	if ascii {
		m.glyphs = &asciiGlyphs
	}
	m.layers.n = len(r.Layers) + 1
	m.owners.n = len(r.Owners)
	m.findings.report = r
	m.findings.refresh()
	return m
}

// Init does nothing: the terminal tells its size without being asked.
func (m *Model) Init() tea.Cmd { return nil }

// Update takes a key, what the mouse does, or a new size.
func (m *Model) Update(msg tea.Msg) (tea.Model, tea.Cmd) {
	switch msg := msg.(type) {
	case tea.WindowSizeMsg:
		m.width, m.height = msg.Width, msg.Height
	case tea.PasteMsg:
		if m.typing {
			m.find(m.query+msg.Content, m.from)
		}
	case tea.KeyPressMsg:
		m.message = ""
		return m, m.key(msg)
	case tea.MouseClickMsg:
		m.message = ""
		if msg.Button == tea.MouseLeft {
			m.click(msg.X, msg.Y)
		}
	case tea.MouseWheelMsg:
		switch msg.Button {
		case tea.MouseWheelUp:
			m.wheel(msg.Y, -3)
		case tea.MouseWheelDown:
			m.wheel(msg.Y, 3)
		}
	}
	return m, nil
}

// tree returns the tree of the layer under the cursor, or of the whole image.
func (m *Model) tree() *tree { return m.treeOf(m.layers.at) }

func (m *Model) treeOf(layer int) *tree {
	t := m.trees[layer]
	if t == nil {
		t = newTree(m.report, layer)
		for _, other := range m.trees { // what was chosen for one holds for all
			t.order = other.order
			t.setFilter(filter{marks: other.filter.marks})
			break
		}
		m.trees[layer] = t
	}
	return t
}

// current returns the list that the keys move in.
func (m *Model) current() *list {
	switch {
	case m.help:
		return &m.helpAt
	case m.screen == findings:
		return &m.findings.list
	case m.screen == owners:
		return &m.owners
	case m.onTree:
		return &m.tree().list
	}
	return &m.layers
}

// find moves to the first match of a query from a node on.
func (m *Model) find(query string, from int32) {
	m.query = query
	m.say(m.tree().search(query, from, false, false))
}

// again moves to the next match, or the one before.
func (m *Model) again(back bool) {
	if m.query == "" {
		m.message = "nothing to search for yet: / asks"
		return
	}
	m.onTree = true
	m.say(m.tree().search(m.query, m.tree().node(), true, back))
}

func (m *Model) say(which, matches int) {
	switch {
	case m.query == "":
		m.message = ""
	case matches == 0:
		m.message = "no match here"
	default:
		m.message = fmt.Sprintf("match %d of %d", which, matches)
	}
}

// show goes to the files that a filter lets through.
func (m *Model) show(layer int, f filter) *tree {
	m.screen, m.onTree = files, true
	m.layers.at = layer
	t := m.tree()
	t.setFilter(f)
	if f != (filter{}) {
		t.foldAll(0, true)
	}
	return t
}

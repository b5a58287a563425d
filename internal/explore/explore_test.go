package explore_test

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"

	"github.com/lighten/lighten/internal/explore"
	"github.com/lighten/lighten/internal/report"
)

var update = flag.Bool("update", false, "write the golden screens anew")

// shop is a report of two packages' files and a program's, in three layers.
func shop() *report.Inspect {
	const kb = 1000
	r := &report.Inspect{
		Image: "registry.example.com/team/shop:1.4", Platform: "linux/amd64", Digest: "sha256:" + strings.Repeat("5a", 32),
		PullBytes: 400 * kb, DiskBytes: 1200 * kb, VisibleBytes: 980 * kb, WastedBytes: 220 * kb, Efficiency: 0.8167, FileCount: 9, Packages: 2, Libc: "glibc 2.36", User: "root",
		Base: &report.InspectBase{Name: "debian:bookworm-slim", Layers: 1, How: "its layers come first"},
		Layers: []report.InspectLayer{
			{Index: 1, Step: "", DiskBytes: 700 * kb, PullBytes: 250 * kb, Files: 6, HiddenBytes: 120 * kb, HiddenByKind: []report.InspectAmount{{Kind: "removed", Files: 1, Bytes: 100 * kb}, {Kind: "copied", Files: 1, Bytes: 20 * kb}}},
			{Index: 2, Step: "RUN apt-get update && apt-get install -y --no-install-recommends ca-certificates curl tzdata && rm /var/lib/gone", DiskBytes: 300 * kb, PullBytes: 100 * kb, Files: 3, HiddenBytes: 100 * kb,
				HidesBytes: 100 * kb, HidesByKind: []report.InspectAmount{{Kind: "removed", Files: 1, Bytes: 100 * kb}}, HiddenByKind: []report.InspectAmount{{Kind: "overwritten", Files: 1, Bytes: 100 * kb}}},
			{Index: 3, Step: "COPY . /app", Source: "Dockerfile:7", DiskBytes: 200 * kb, PullBytes: 50 * kb, PullEstimated: true, Files: 4, HidesBytes: 120 * kb},
		},
		Findings: []report.InspectFinding{
			{Rule: "removed", Title: "removed later", Class: "overlay", Advice: "remove the file in the RUN that makes it", Files: 1, Bytes: 100 * kb, PullBytes: 30 * kb,
				Places: []report.InspectPlace{{Path: "/var/lib/gone", Layer: 1, HiddenBy: 2, Files: 1, Bytes: 100 * kb}}},
			{Rule: "man", Title: "man pages", Class: "cost", Advice: "leave them out", Files: 2, Bytes: 60 * kb, PullBytes: 20 * kb, Exact: true, Others: 3,
				Places: []report.InspectPlace{{Path: "/usr/share/man", Layer: 1, Files: 2, Bytes: 60 * kb}}},
			{Rule: "secrets", Title: "secrets", Class: "security", Advice: "change them", Files: 1,
				Places: []report.InspectPlace{{Note: "environment variable TOKEN in the configuration", Files: 1}, {Path: "/app/.env", Note: "environment file", Layer: 3, Files: 1}}},
		},
		Owners: []report.InspectOwner{
			{Ecosystem: "deb", Name: "libc6", Version: "2.36-9", Files: 3, Bytes: 500 * kb, PullBytes: 160 * kb},
			{Name: "COPY . /app", Layer: 3, Files: 4, Bytes: 180 * kb, PullBytes: 50 * kb},
			{Ecosystem: "pypi", Name: "flask", Version: "3.0", Files: 1, Bytes: 80 * kb, PullBytes: 9 * kb},
		},
	}
	add := func(path string, layer int, bytes int64, owner int, more ...func(*report.InspectFile)) {
		f := report.InspectFile{Path: path, Type: "file", Mode: "0644", Layer: layer, Bytes: bytes, PullBytes: bytes / 3, Owner: owner}
		for _, m := range more {
			m(&f)
		}
		r.Files = append(r.Files, f)
	}
	hidden := func(by int, kind, rule string) func(*report.InspectFile) {
		return func(f *report.InspectFile) {
			f.HiddenBy, f.Hidden, f.Category, f.Wasted, f.Owner = by, kind, rule, f.Bytes, -1
		}
	}
	needless := func(f *report.InspectFile) { f.Category, f.Wasted = "man", f.Bytes }
	is := func(kind, target string) func(*report.InspectFile) {
		return func(f *report.InspectFile) { f.Type, f.Target = kind, target }
	}
	add("/etc", 1, 0, -1, is("dir", ""))
	add("/etc/app.conf", 1, 20*kb, 0, hidden(3, "copied", "copied"))
	add("/lib", 1, 7, 0, is("symlink", "usr/lib"))
	add("/usr/lib/libc.so.6", 1, 520*kb, 0)
	add("/usr/lib/libc-2.36.so", 1, 0, 0, is("link", "/usr/lib/libc.so.6"))
	add("/usr/share/man/man1/a.1", 1, 50*kb, 0, needless)
	add("/usr/share/man/man1/b.1", 1, 10*kb, 0, needless)
	add("/var/lib/gone", 1, 100*kb, 0, hidden(2, "removed", "removed"))
	add("/usr/bin/curl", 2, 200*kb, 0)
	add("/var/cache/data.bin", 2, 100*kb, 0, hidden(3, "overwritten", "overwritten"))
	add("/var/cache/data.bin", 3, 90*kb, 1)
	add("/app", 3, 0, -1, is("dir", ""))
	add("/app/.env", 3, 64, 1)
	add("/app/\x1b[31mred\nname\u202e.py", 3, 70*kb, 1)
	add("/app/長い名前.txt", 3, 20*kb, 1)
	add("/etc/app.conf", 3, 20*kb, 1)
	add("/tmp", 3, 0, -1, is("dir", ""))
	return r
}

var named = map[string]tea.Key{
	"up": {Code: tea.KeyUp}, "down": {Code: tea.KeyDown}, "left": {Code: tea.KeyLeft}, "right": {Code: tea.KeyRight}, "enter": {Code: tea.KeyEnter}, "esc": {Code: tea.KeyEscape},
	"tab": {Code: tea.KeyTab}, "pgup": {Code: tea.KeyPgUp}, "pgdown": {Code: tea.KeyPgDown}, "home": {Code: tea.KeyHome}, "end": {Code: tea.KeyEnd}, "backspace": {Code: tea.KeyBackspace},
	"space": {Code: ' ', Text: " "}, "ctrl+c": {Code: 'c', Mod: tea.ModCtrl},
}

// do sends keys, each a word, "click:X,Y" and "wheel:Y,±1"; it returns whether the program quits.
func do(t *testing.T, m tea.Model, keys string) (quits bool) {
	t.Helper()
	for k := range strings.FieldsSeq(keys) {
		var msg tea.Msg
		var x, y int
		if _, err := fmt.Sscanf(k, "click:%d,%d", &x, &y); err == nil {
			msg = tea.MouseClickMsg{X: x, Y: y, Button: tea.MouseLeft}
		} else if _, err := fmt.Sscanf(k, "wheel:%d,%d", &y, &x); err == nil {
			button := tea.MouseWheelDown
			if x < 0 {
				button = tea.MouseWheelUp
			}
			msg = tea.MouseWheelMsg{Y: y, Button: button}
		} else if key, ok := named[k]; ok {
			msg = tea.KeyPressMsg(key)
		} else {
			msg = tea.KeyPressMsg{Code: []rune(k)[0], Text: k}
		}
		next, cmd := m.Update(msg)
		if next != m {
			t.Fatal("the model is another one")
		}
		if cmd != nil {
			if _, ok := cmd().(tea.QuitMsg); ok {
				quits = true
			}
		}
	}
	return quits
}

// screen is what is shown, without colours.
func screen(m tea.Model) string {
	lines := strings.Split(ansi.Strip(m.View().Content), "\n")
	for n := range lines {
		lines[n] = strings.TrimRight(lines[n], " ")
	}
	return strings.Join(lines, "\n") + "\n"
}

func TestScreens(t *testing.T) {
	for _, tt := range []struct {
		name          string
		width, height int
		ascii         bool
		keys          string
	}{
		{"start", 80, 24, false, ""},
		{"start-large", 120, 40, false, ""},
		{"start-ascii", 80, 24, true, ""},
		{"start-small", 40, 10, false, ""},
		{"layer", 80, 24, false, "down down"},
		{"layer-changes", 120, 40, false, "end tab *"},
		{"image-open", 80, 24, false, "tab * down down"},
		{"removed-in-layer", 80, 24, false, "down down tab * end"},
		{"only-removed-or-hidden", 80, 24, false, "r h tab *"},
		{"by-waste", 80, 24, false, "s tab *"},
		{"by-name", 80, 24, false, "s s tab *"},
		{"search", 80, 24, false, "/ m a n"},
		{"search-next", 80, 24, false, "/ . s o enter n"},
		{"search-back", 80, 24, false, "/ . s o enter n n N"},
		{"search-path", 80, 24, false, "/ a p p / r e d enter"},
		{"search-nothing", 80, 24, false, "/ x y z z y"},
		{"search-left", 80, 24, false, "tab down / l i b c esc"},
		{"hidden-file", 120, 40, false, "down tab / g o n e enter"},
		{"findings", 80, 24, false, "2"},
		{"findings-open", 120, 40, false, "2 down enter down enter"},
		{"finding-place", 80, 24, false, "2 enter down enter"},
		{"finding-files", 80, 24, false, "2 down f"},
		{"finding-no-path", 80, 24, false, "2 end right right enter"},
		{"owners", 80, 24, false, "3"},
		{"owner-files", 80, 24, false, "3 end enter tab esc"},
		{"owner-of-layer", 80, 24, false, "3 down enter *"},
		{"help", 80, 24, false, "?"},
		{"help-large", 120, 40, false, "?"},
		{"help-end", 80, 24, true, "? end"},
		{"clicked", 80, 24, false, "click:12,4 click:30,11 click:30,11"},
		{"clicked-tab", 80, 24, false, "click:14,0 click:20,4 click:20,4"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			m := explore.New(shop(), tt.ascii)
			m.Update(tea.WindowSizeMsg{Width: tt.width, Height: tt.height})
			screen(m) // the mouse goes by what was drawn
			for k := range strings.FieldsSeq(tt.keys) {
				do(t, m, k)
				screen(m)
			}
			got := screen(m)
			fits(t, got, tt.width, tt.height)
			file := filepath.Join("testdata", tt.name+".txt")
			if *update {
				if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if got != string(want) {
				t.Errorf("the screen is (write it anew with -update)\n%s\nwant\n%s", got, want)
			}
		})
	}
}

// fits fails for a screen that is too large, or has what a terminal would take for a command.
func fits(t *testing.T, s string, width, height int) {
	t.Helper()
	lines := strings.Split(strings.TrimSuffix(s, "\n"), "\n")
	if len(lines) > height {
		t.Fatalf("%d lines in a terminal of %d", len(lines), height)
	}
	for _, l := range lines {
		if n := ansi.StringWidth(l); n > width {
			t.Fatalf("a line of %d in a terminal of %d: %q", n, width, l)
		}
		if i := strings.IndexFunc(l, func(r rune) bool { return r < ' ' || r == 0x7f || r >= 0x202a && r <= 0x202e }); i >= 0 {
			t.Fatalf("a control character is shown: %q", l)
		}
	}
}

func TestQuit(t *testing.T) {
	for _, keys := range []string{"q", "ctrl+c", "? q", "2 q", "/ a ctrl+c"} {
		if !do(t, explore.New(shop(), false), keys) {
			t.Errorf("%s: does not quit", keys)
		}
	}
	if do(t, explore.New(shop(), false), "/ q") {
		t.Error("a letter of a search quits")
	}
}

// Every key of the help stands in the documentation.
func TestKeysDocumented(t *testing.T) {
	page, err := os.ReadFile("../../docs/inspect.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, group := range explore.Keys {
		for _, k := range group.Keys {
			for key := range strings.FieldsFuncSeq(k.Key, func(r rune) bool { return r == ' ' || r == ',' }) {
				if key != "mouse" && !strings.HasPrefix(key, "ctrl-") && !strings.Contains(string(page), "`"+key+"`") {
					t.Errorf("docs/inspect.md does not name the key %s (%s)", key, k.What)
				}
			}
		}
	}
}

// Nothing that is typed or clicked in a terminal of any size, of an image with or without anything, breaks the program.
func TestAnything(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	keys := []string{"q", "?", "m", "1", "2", "3", "j", "k", "g", "G", "n", "N", "s", "a", "c", "r", "h", "w", "f", "*", "-", "[", "]", "/", "l", "é", "ctrl+c"}
	for k := range named {
		keys = append(keys, k)
	}
	for _, r := range []*report.Inspect{shop(), {}, {Layers: []report.InspectLayer{{Index: 1}}, Files: []report.InspectFile{{Path: "/", Type: "dir", Layer: 1}}}} {
		m := explore.New(r, rnd.IntN(2) == 0)
		for range 1500 {
			width, height := rnd.IntN(130), rnd.IntN(45)
			switch rnd.IntN(20) {
			case 0:
				m.Update(tea.WindowSizeMsg{Width: width, Height: height})
			case 1:
				do(t, m, fmt.Sprintf("click:%d,%d", rnd.IntN(130), rnd.IntN(45)))
			case 2:
				do(t, m, fmt.Sprintf("wheel:%d,%d", rnd.IntN(45), rnd.IntN(2)*2-1))
			default:
				do(t, m, keys[rnd.IntN(len(keys))])
			}
			screen(m)
		}
		for height := range 42 {
			for _, width := range []int{0, 1, 2, 5, 11, 20, 39, 80, 99, 100, 200} {
				m.Update(tea.WindowSizeMsg{Width: width, Height: height})
				if width > 0 && height > 0 {
					fits(t, screen(m), width, height)
				}
			}
		}
	}
}

// An image of 100,000 files takes a few megabytes, and a key no time that is felt.
func TestManyFiles(t *testing.T) {
	r := &report.Inspect{Layers: make([]report.InspectLayer, 6)}
	for n := range 100000 {
		r.Files = append(r.Files, report.InspectFile{Path: fmt.Sprintf("/usr/lib/l%d/d%d/e%d/file-%d.py", n%6, n%97, n%31, n), Type: "file", Mode: "0644", Layer: n%6 + 1, Bytes: int64(n * 7919 % 13000)})
	}
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	m := explore.New(r, false)
	screen(m)
	do(t, m, "tab * s / f i l e - 9 9 enter n")
	if s := screen(m); !strings.Contains(s, "file-99") {
		t.Errorf("the search found nothing\n%s", s)
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	if got := after.HeapAlloc - before.HeapAlloc; after.HeapAlloc > before.HeapAlloc && got > 16<<20 {
		t.Errorf("%d bytes for a tree of 100,000 files with all of it open", got)
	}
	runtime.KeepAlive(m)
}

func BenchmarkKey(b *testing.B) {
	r := &report.Inspect{Layers: make([]report.InspectLayer, 1)}
	for n := range 100000 {
		r.Files = append(r.Files, report.InspectFile{Path: fmt.Sprintf("/usr/lib/d%d/e%d/file-%d.py", n%97, n%31, n), Type: "file", Layer: 1, Bytes: int64(n * 7919 % 13000)})
	}
	m := explore.New(r, false)
	m.Update(tea.KeyPressMsg(named["tab"]))
	m.Update(tea.KeyPressMsg{Code: '*', Text: "*"})
	for b.Loop() {
		m.Update(tea.KeyPressMsg{Code: 's', Text: "s"})
		m.View()
	}
}

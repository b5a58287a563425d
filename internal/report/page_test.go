package report_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	cdplog "github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"github.com/lighten/lighten/internal/report"
	"github.com/lighten/lighten/internal/testimage"
)

// hostileNames would do something, did a page or a terminal take them for more than names.
var hostileNames = []string{
	"</script><script>hacked=1</script>", `"><img src=x onerror=hacked=1>`, "<!--", "{{.Image}}", "a\x1b[31mred\nline", "\u202egnp.exe", "bad\xff\xfeutf8", "'onmouseover='hacked=1", "\u2028x",
}

// pageReport has files in three layers, hidden and needless ones, and as many more as asked for.
func pageReport(more int) *report.Inspect {
	r := &report.Inspect{
		Schema: report.InspectSchema, Image: "shop:1</title><script>hacked=1</script>", Platform: "linux/amd64", Digest: "sha256:" + strings.Repeat("5a", 32), Created: "2024-01-02T03:04:05Z",
		PullBytes: 4e6, DiskBytes: 12e6, VisibleBytes: 9.8e6, WastedBytes: 2.2e6, Efficiency: 0.8167, FileCount: 9, Packages: 2, Libc: "glibc 2.36", User: "root",
		Base: &report.InspectBase{Name: "debian:<b>", Layers: 1, How: "its layers come first", Advice: "<i>smaller</i>"},
		Layers: []report.InspectLayer{
			{Index: 1, DiskBytes: 7e6, PullBytes: 2.5e6, VisibleBytes: 5e6, HiddenBytes: 2e6}, {Index: 2, Step: "RUN <script>hacked=1</script> && make", DiskBytes: 3e6, PullBytes: 1e6, VisibleBytes: 2.8e6, HiddenBytes: 2e5, HidesBytes: 2e6},
			{Index: 3, Step: "COPY . /app", DiskBytes: 2e6, PullBytes: 5e5, VisibleBytes: 2e6, HidesBytes: 2e5},
		},
		Findings: []report.InspectFinding{
			{Rule: "removed", Title: "removed later", Class: "overlay", Advice: "remove the file in the RUN that makes it", Files: 1, Bytes: 2e6, PullBytes: 6e5, Places: []report.InspectPlace{{Path: "/var/lib/gone", Layer: 1, HiddenBy: 2, Files: 1, Bytes: 2e6}}},
			{Rule: "man", Title: "man pages", Class: "cost", Advice: "leave <them> out", Files: 2, Bytes: 6e5, Places: []report.InspectPlace{{Path: hostileNames[0], Note: hostileNames[1], Layer: 1, Files: 2, Bytes: 6e5}}, Others: 1},
			{Rule: "elf-debug", Title: "debug information in programs", Class: "cost", Advice: "strip them", Files: 1, Bytes: 4e5, Places: []report.InspectPlace{{Path: "/usr/bin/tool", Layer: 2, Files: 1, Bytes: 4e5}}},
		},
		Owners: []report.InspectOwner{{Ecosystem: "deb", Name: "libc6", Version: "2.36", Files: 3, Bytes: 5e6}, {Name: "COPY . /app", Layer: 3, Files: 4, Bytes: 2e6}},
		Notes:  []string{"a <b>note</b>"},
	}
	add := func(path string, layer int, bytes int64, owner int) *report.InspectFile {
		r.Files = append(r.Files, report.InspectFile{Path: path, Type: "file", Mode: "0644", Layer: layer, Bytes: bytes, PullBytes: bytes / 3, Owner: owner})
		return &r.Files[len(r.Files)-1]
	}
	add("/usr/lib/libc.so.6", 1, 4e6, 0)
	f := add("/var/lib/gone", 1, 2e6, -1)
	f.HiddenBy, f.Hidden, f.Category, f.Wasted = 2, "removed", "removed", 2e6
	f = add("/usr/share/man/man1/a.1", 1, 6e5, 0)
	f.Category, f.Wasted = "man", 6e5
	add("/usr/bin/curl", 2, 2.8e6, 0)
	f = add("/usr/bin/tool", 2, 1e6, 0)
	f.Category, f.Wasted = "elf-debug", 4e5
	f = add("/bin", 1, 7, 0)
	f.Type, f.Target = "symlink", "usr/bin"
	for n, name := range hostileNames {
		add("/app/"+name, 3, int64(3e5-n*1000), 1)
	}
	for n := range more {
		add(fmt.Sprintf("/srv/l%d/d%d/e%d/file-%d.py", n%6, n%97, n%31, n), n%3+1, int64(1000+n*7919%13000), n%2)
	}
	return r
}

// The page is the same whoever makes it and whenever, and has nothing in it that could end what it is in.
func TestPage(t *testing.T) {
	var first, second bytes.Buffer
	r := pageReport(0)
	if err := r.HTML(&first); err != nil {
		t.Fatal(err)
	}
	r.Seconds = 7
	if err := r.HTML(&second); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(first.Bytes(), second.Bytes()) {
		t.Error("two pages of one report differ")
	}
	s := first.String()
	for text, want := range map[string]int{"<script": 2, "</script": 2, "<style": 1, "<img": 0, "<b>note": 0, "\x1b": 0, "\u202e": 0, "http://": 0, "https://": 0, "url(": 0, "@import": 0} {
		if got := strings.Count(s, text); got != want {
			t.Errorf("%q is there %d times, want %d", text, got, want)
		}
	}
	if err := (&report.Inspect{}).HTML(&second); err != nil {
		t.Errorf("a report of nothing: %v", err)
	}
}

// browser is a page in Chromium.
type browser struct {
	t   testing.TB
	ctx context.Context

	mu       sync.Mutex
	problems []string // what the page complained about, or asked for
}

// open shows a report in a tab of its own, of the size given.
func open(t testing.TB, chromium context.Context, r *report.Inspect, width, height int64) *browser {
	t.Helper()
	file := filepath.Join(t.TempDir(), "page.html")
	var page bytes.Buffer
	if err := r.HTML(&page); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, page.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := chromedp.NewContext(chromium)
	t.Cleanup(cancel)
	ctx, cancel = context.WithTimeout(ctx, 60*time.Second)
	t.Cleanup(cancel)
	b := &browser{t: t, ctx: ctx}
	if err := chromedp.Listen(ctx, func(ev any) {
		b.mu.Lock()
		defer b.mu.Unlock()
		switch ev := ev.(type) {
		case *runtime.EventConsoleAPICalled:
			b.problems = append(b.problems, fmt.Sprintf("console: %s", ev.Type))
		case *runtime.EventExceptionThrown:
			b.problems = append(b.problems, "exception: "+ev.ExceptionDetails.Text)
		case *cdplog.EventEntryAdded:
			b.problems = append(b.problems, "log: "+ev.Entry.Text)
		case *network.EventRequestWillBeSent:
			if ev.Request.URL != "file://"+file {
				b.problems = append(b.problems, "request: "+ev.Request.URL)
			}
		}
	}); err != nil {
		t.Fatal(err)
	}
	send(b, network.Enable, network.EnableParams{})
	send(b, cdplog.Enable, cdp.Empty{})
	b.do(chromedp.EmulateViewport(width, height), chromedp.Navigate("file://"+file))
	b.is(`performance.getEntriesByName('ready').length`, "1")
	t.Cleanup(func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		if len(b.problems) > 0 {
			t.Errorf("the page complains, or asks for something: %s", strings.Join(b.problems, "\n"))
		}
	})
	return b
}

func (b *browser) do(actions ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	if err := chromedp.Do(b.ctx, actions...); err != nil {
		b.t.Fatal(err)
	}
}

// send sends a command of the protocol.
func send[P, R any](b *browser, command cdp.Command[P, R], params P) {
	b.t.Helper()
	if _, err := chromedp.Call(b.ctx, command, params); err != nil {
		b.t.Fatal(err)
	}
}

// text is what an expression is, as a text.
func (b *browser) text(expression string) string {
	b.t.Helper()
	s, err := chromedp.Run(b.ctx, chromedp.Evaluate[string]("String("+expression+")"))
	if err != nil {
		b.t.Fatal(err)
	}
	return s
}

// is waits until an expression is a text.
func (b *browser) is(expression, want string) {
	b.t.Helper()
	got := ""
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		if got = b.text(expression); got == want {
			return
		}
	}
	b.t.Fatalf("%s is %q, want %q", expression, got, want)
}

func (b *browser) shot(name string) {
	b.t.Helper()
	dir := os.Getenv("LIGHTEN_SHOTS") // where a person looks at them
	if dir == "" {
		dir = b.t.TempDir()
	}
	b.do(chromedp.Sleep(200 * time.Millisecond)) // what appears has appeared
	png, err := chromedp.Run(b.ctx, chromedp.CaptureScreenshot())
	if err != nil {
		b.t.Fatal(err)
	}
	if len(png) < 10000 {
		b.t.Errorf("the screenshot %s is %d bytes", name, len(png))
	}
	if err := os.WriteFile(filepath.Join(dir, name+".png"), png, 0o644); err != nil {
		b.t.Fatal(err)
	}
}

// zoom clicks on the head of a directory on the map: its middle belongs to what is in it.
func (b *browser) zoom(label string) {
	b.t.Helper()
	at, err := chromedp.Run(b.ctx, chromedp.Evaluate[[]float64](fmt.Sprintf(`(() => { const r = document.querySelector(%q).getBoundingClientRect(); return [r.left, r.top]; })()`, cell(label))))
	if err != nil {
		b.t.Fatal(err)
	}
	b.do(chromedp.MouseClickXY(at[0]+12, at[1]+9))
}

// cell is the selector of the part of the map with a label.
func cell(label string) chromedp.CSS { return chromedp.CSS(`#map [aria-label^="` + label + `"]`) }

const (
	crumb = `document.querySelector('#crumbs [aria-current]').textContent`
	found = `document.getElementById('found').textContent`
	title = `document.querySelector('#about h3').textContent`
)

// startChromium starts a browser that ends with the test.
func startChromium(t testing.TB) context.Context {
	t.Helper()
	testimage.Need(t, "browser")
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(testimage.Browser()), chromedp.Flag("no-sandbox", os.Geteuid() == 0), chromedp.Flag("disable-dev-shm-usage", true))
	allocator, cancel := chromedp.NewExecAllocator(t.Context(), options...)
	t.Cleanup(cancel)
	chromium, cancel := chromedp.NewContext(allocator)
	t.Cleanup(cancel)
	if err := chromedp.Do(chromium); err != nil {
		t.Fatal(err)
	}
	return chromium
}

// One Chromium for all that a person does with the page.
func TestPageInBrowser(t *testing.T) {
	chromium := startChromium(t)
	for _, tt := range []struct {
		name string
		do   func(t *testing.T, chromium context.Context)
	}{{"mouse", pageByMouse}, {"keys", pageByKeys}, {"search", pageSearch}, {"groups", pageGroups}, {"themes", pageThemes}, {"hostile", pageHostile}, {"narrow", pageNarrow}, {"large", pageLarge}, {"empty", pageEmpty}} {
		t.Run(tt.name, func(t *testing.T) { tt.do(t, chromium) })
	}
}

func pageByMouse(t *testing.T, chromium context.Context) {
	b := open(t, chromium, pageReport(0), 1400, 1000)
	b.is(crumb, "Whole image")
	b.zoom("usr,")
	b.is(crumb, "usr")
	b.is(found, "4 files in usr")
	b.do(chromedp.Click(cell("curl")))
	b.is(title, "/usr/bin/curl")
	b.is(`document.querySelectorAll('#map .chosen').length`, "1")
	b.do(chromedp.Click(chromedp.CSS("#crumbs button:first-child")))
	b.is(crumb, "Whole image")
	b.do(chromedp.Click(chromedp.CSS(`#columns :nth-child(1) button`)))
	b.is(`document.querySelector('#columns [aria-sort]').getAttribute('aria-sort')`, "ascending")
	b.is(`document.querySelector('.row').title`, "/bin")
	b.do(chromedp.Click(chromedp.CSS(".row")))
	b.is(title, "/bin → usr/bin")
	b.shot("mouse")
}

func pageByKeys(t *testing.T, chromium context.Context) {
	b := open(t, chromium, pageReport(0), 1400, 1000)
	b.do(chromedp.Focus(chromedp.CSS("#map [tabindex='0']")), chromedp.KeyEvent(kb.ArrowRight), chromedp.KeyEvent(kb.ArrowLeft), chromedp.KeyEvent(kb.Enter))
	b.is(crumb, "usr")
	b.is(`document.activeElement.className.includes('cell')`, "true")
	b.do(chromedp.KeyEvent(kb.ArrowDown))
	b.is(title, "/usr/lib/libc.so.6")
	b.do(chromedp.KeyEvent(kb.ArrowUp), chromedp.KeyEvent(kb.Escape))
	b.is(crumb, "Whole image")
	b.do(chromedp.Focus(chromedp.CSS("#table")), chromedp.KeyEvent(kb.ArrowDown), chromedp.KeyEvent(kb.ArrowDown))
	b.is(title, "/usr/bin/curl")
	b.do(chromedp.KeyEvent("/"))
	b.is(`document.activeElement.id`, "search")
}

func pageSearch(t *testing.T, chromium context.Context) {
	b := open(t, chromium, pageReport(1000), 1400, 1000)
	b.do(chromedp.SendKeys(chromedp.ID("search"), "MAN1"))
	b.is(found, "1 file with “MAN1”")
	b.is(`document.querySelectorAll('.row').length`, "1")
	b.is(`document.querySelectorAll('#map .cell.leaf.needless').length`, "1")
	b.do(chromedp.KeyEvent(kb.Escape))
	b.is(found, "1,015 files")
	b.do(chromedp.Click(chromedp.CSS("input[value=hidden] + span")))
	b.is(found, "1 file")
	b.is(`document.querySelector('.row').title`, "/var/lib/gone")
	b.shot("search")
}

func pageGroups(t *testing.T, chromium context.Context) {
	b := open(t, chromium, pageReport(2000), 1400, 1000)
	for group, label := range map[string]string{"layer": "layer 1", "owner": "deb packages", "category": "nothing found", "directory": "srv"} {
		b.do(chromedp.Click(chromedp.CSS("input[value=" + group + "] + span")))
		b.is(`document.querySelectorAll('#map > [aria-label^="`+label+`"]').length`, "1")
		b.shot("group-" + group)
	}
	b.do(chromedp.Click(chromedp.CSS("#layers tr[data-layer='2'] button")))
	b.is(crumb, "layer 2")
	b.do(chromedp.Click(chromedp.CSS("details[data-rule=man] summary")), chromedp.Click(chromedp.CSS("details[data-rule=man] .show")))
	b.is(crumb, "man pages")
	b.do(chromedp.Click(chromedp.CSS("#crumbs button:first-child")))
	b.is(`document.querySelector('#map > [aria-label^="needless"]').getAttribute('aria-label')`, "needless, 1.00\u00a0MB") // of a program its debug information alone
	b.is(found, "2,015 files")
	b.do(chromedp.Click(chromedp.CSS("input[value=needless] + span")))
	b.is(`document.querySelector('#crumbs .size').textContent`, "1.00\u00a0MB on disk in 2 files")
	b.do(chromedp.Click(chromedp.CSS("input[value=pull] + span")))
	b.is(`document.querySelector('#crumbs .size').textContent.includes('to pull, estimated')`, "true")
}

func pageThemes(t *testing.T, chromium context.Context) {
	b := open(t, chromium, pageReport(3000), 1400, 1000)
	const background = `getComputedStyle(document.body).backgroundColor`
	light, dark := b.text(background), ""
	send(b, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: "dark"}}})
	if dark = b.text(background); dark == light {
		t.Errorf("the page is %s in the dark too", dark)
	}
	b.shot("dark")
	b.do(chromedp.Click(chromedp.ID("theme")))
	b.is(background, light)
	b.do(chromedp.Click(chromedp.ID("theme")))
	b.is(background, dark)
	send(b, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Media: "print"})
	b.is(`getComputedStyle(document.getElementById('files')).display`, "none")
}

// Names stay names, and what got into the page by another way would not run.
func pageHostile(t *testing.T, chromium context.Context) {
	b := open(t, chromium, pageReport(0), 1400, 1000)
	b.zoom("app,")
	for _, name := range hostileNames {
		clean := report.Clean(name)
		b.is(fmt.Sprintf(`[...document.querySelectorAll('.row')].some((e) => e.title === '/app/' + %q)`, clean), "true")
	}
	b.is(`document.querySelectorAll('img, main script').length + ' ' + typeof hacked`, "0 undefined")
	b.is(`document.querySelector('h1').textContent`, "shop:1</title><script>hacked=1</script>")
	b.text(`document.body.append(document.createRange().createContextualFragment('<script>hacked=1</script><b style="color:red" id="styled">b</b>'))`)
	b.is(`typeof hacked + ' ' + (getComputedStyle(document.getElementById('styled')).color === 'rgb(255, 0, 0)')`, "undefined false")
	b.mu.Lock()
	b.problems = nil // the policy's own complaints about the last
	b.mu.Unlock()
}

func pageNarrow(t *testing.T, chromium context.Context) {
	b := open(t, chromium, pageReport(500), 400, 900)
	b.is(`document.documentElement.scrollWidth`, "400")
	b.shot("narrow")
}

// An image of 100,000 files is drawn soon, and every step after that at once.
func pageLarge(t *testing.T, chromium context.Context) {
	b := open(t, chromium, pageReport(100000), 1400, 1000)
	b.is(found, "100,015 files")
	if n := b.text(`document.querySelectorAll('#map .cell').length < 3000 && document.querySelectorAll('.row').length < 60`); n != "true" {
		t.Error("too many elements")
	}
	b.zoom("srv,")
	b.is(crumb, "srv")
	b.do(chromedp.SendKeys(chromedp.ID("search"), "file-999"))
	b.is(found, "111 files with “file-999” in srv")
	b.do(chromedp.KeyEvent(kb.Escape))
	b.is(found, "100,000 files in srv")
	b.text(`document.getElementById('table').scrollTop = 1e9`)
	b.is(`document.querySelectorAll('.row').length > 10 && document.querySelector('.row:last-child').getAttribute('aria-rowindex')`, "100001")
	b.shot("large")
}

func pageEmpty(t *testing.T, chromium context.Context) {
	b := open(t, chromium, &report.Inspect{Image: "scratch"}, 1000, 800)
	b.is(found, "0 files")
}

// BenchmarkPage tells how long the page of an image of 100,000 files takes to write, how large it is, and after how many
// milliseconds a browser shows first something, and then all of it.
func BenchmarkPage(b *testing.B) {
	r := pageReport(100000)
	chromium := startChromium(b)
	var page bytes.Buffer
	for b.Loop() {
		page.Reset()
		if err := r.HTML(&page); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(page.Len()), "page-bytes")
	x := open(b, chromium, r, 1400, 1000)
	for metric, expression := range map[string]string{
		"first-paint-ms": `performance.getEntriesByName('first-contentful-paint')[0].startTime`, "all-there-ms": `performance.getEntriesByName('ready')[0].duration`,
	} {
		ms, err := chromedp.Run(x.ctx, chromedp.Evaluate[float64](expression))
		if err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(ms, metric)
	}
}

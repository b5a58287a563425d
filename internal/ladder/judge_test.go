package ladder_test

import (
	"fmt"
	"reflect"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/lighten/lighten/internal/check"
	"github.com/lighten/lighten/internal/image"
	"github.com/lighten/lighten/internal/inventory"
	"github.com/lighten/lighten/internal/ladder"
	"github.com/lighten/lighten/internal/report"
	"github.com/lighten/lighten/internal/testimage"
)

func TestJudge(t *testing.T) {
	cand := func(name, libc, verdict string, pull int64) report.Candidate {
		return report.Candidate{Name: name, Libc: libc, Verdict: verdict, PullBytes: pull}
	}
	original := cand("original", "glibc 2.36", report.Passed, 300)
	for _, c := range []struct {
		name     string
		o        ladder.Options
		in       []report.Candidate
		winner   string
		verdicts string
		reason   string // of the last
	}{
		{"the original alone", ladder.Options{}, []report.Candidate{original}, "original", "passed", ""},
		{"the least to pull", ladder.Options{}, []report.Candidate{original, cand("slim", "glibc 2.36", report.Passed, 60), cand("distroless", "glibc 2.36", report.Passed, 25)},
			"distroless", "passed passed passed", ""},
		{"of equals the gentler", ladder.Options{}, []report.Candidate{original, cand("tidy", "glibc 2.36", report.Passed, 60), cand("slim", "glibc 2.36", report.Passed, 60)},
			"tidy", "passed passed passed", ""},
		{"not heavier than the original", ladder.Options{}, []report.Candidate{original, cand("slim", "glibc 2.36", report.Passed, 301)}, "original", "passed passed", ""},
		{"a failed one never", ladder.Options{}, []report.Candidate{original, cand("slim", "glibc 2.36", report.Failed, 60), cand("mine", "", report.Broken, 0), cand("distroless", "", report.Refused, 0)},
			"original", "passed failed broken refused", ""},
		{"musl is withheld", ladder.Options{}, []report.Candidate{original, cand("slim", "glibc 2.36", report.Passed, 60), cand("alpine", "musl 1.2.5", report.Passed, 20)},
			"slim", "passed passed withheld", "musl 1.2.5 instead of glibc 2.36"},
		{"musl is let win", ladder.Options{Allow: []string{"libc"}}, []report.Candidate{original, cand("slim", "glibc 2.36", report.Passed, 60), cand("alpine", "musl 1.2.5", report.Passed, 20)},
			"alpine", "passed passed passed", ""},
		{"musl that fails is not withheld", ladder.Options{}, []report.Candidate{original, cand("alpine", "musl 1.2.5", report.Failed, 20)}, "original", "passed failed", ""},
		{"another glibc is the same libc", ladder.Options{}, []report.Candidate{original, cand("slim", "glibc 2.41", report.Passed, 60)}, "slim", "passed passed", ""},
		{"an original on musl", ladder.Options{}, []report.Candidate{cand("original", "musl 1.2.5", report.Passed, 50), cand("tidy", "musl 1.2.5", report.Passed, 40), cand("mine", "glibc 2.36", report.Passed, 30)},
			"tidy", "passed passed withheld", "glibc 2.36 instead of musl 1.2.5"},
		{"nothing was checked", ladder.Options{NoChecks: true}, []report.Candidate{cand("original", "glibc 2.36", report.Unchecked, 300), cand("alpine", "musl 1.2.5", report.Unchecked, 20)},
			"", "unchecked unchecked", "musl 1.2.5 instead of glibc 2.36"},
		{"the original fails", ladder.Options{}, []report.Candidate{cand("original", "glibc 2.36", report.Failed, 300)}, "", "failed", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			winner, out := ladder.Judge(c.o, c.in...)
			var verdicts []string
			for _, x := range out {
				verdicts = append(verdicts, x.Verdict)
			}
			if got := strings.Join(verdicts, " "); winner != c.winner || got != c.verdicts {
				t.Errorf("got winner %q and %s; want %q and %s", winner, got, c.winner, c.verdicts)
			}
			if got := out[len(out)-1].Reason; !strings.Contains(got, c.reason) || (got == "") != (c.reason == "") {
				t.Errorf("got reason %q, want %q in it", got, c.reason)
			}
		})
	}
}

// Whoever writes checks wants to know of all that fail, and once of what fails all of them.
func TestAlsoFailed(t *testing.T) {
	failed := func(names ...string) (r []check.Result) {
		for _, n := range names {
			name, found, _ := strings.Cut(n, " ")
			r = append(r, check.Result{Name: name, Passed: found == "", Expected: "200", Found: found})
		}
		return r
	}
	for _, c := range []struct {
		results []check.Result
		want    string
	}{
		{failed("a", "b"), ""},
		{failed("a", "b 404"), ""},
		{failed("a 404", "b 500", "c", "d 403"), `check "b": expected 200, found 500; check "d": expected 200, found 403`},
		{failed("a down", "b down", "c down"), ""},
	} {
		if got := strings.Join(ladder.AlsoFailed(c.results), "; "); got != c.want {
			t.Errorf("%+v: got %s, want %s", c.results, got, c.want)
		}
	}
	var many []string
	for n := range 20 {
		many = append(many, fmt.Sprintf("x %d", n))
	}
	if got := ladder.AlsoFailed(failed(many...)); len(got) != 13 || !strings.HasPrefix(got[12], "… and 7 more") {
		t.Errorf("of 20 that failed got %q", got)
	}
}

// A slower start is noted, with the reason where Python's own library lost its bytecode: that of dependencies does not count.
func TestSlowerStart(t *testing.T) {
	lib := "/usr/local/lib/python3.11/"
	read := func(tree testimage.Tree) *image.Tree {
		t.Helper()
		out, err := image.ReadTree(t.Context(), testimage.Image(t, v1.Config{}, tree), inventory.Rules())
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	compiled := read(testimage.Tree{lib + "os.py": "zeros 0644 1", "/usr/lib/python3.9/__pycache__/os.pyc": "zeros 0644 1", lib + "__pycache__/os.pyc": "zeros 0644 1", lib + "__pycache__/re.pyc": "zeros 0644 1", lib + "__pycache__/io.pyc": "zeros 0644 1"})
	bare := read(testimage.Tree{lib + "os.py": "zeros 0644 1", lib + "__pycache__/os.pyc": "zeros 0644 1", lib + "site-packages/flask/app.pyc": "zeros 0644 1", lib + "site-packages/flask/cli.pyc": "zeros 0644 1"})
	for _, c := range []struct {
		light *image.Tree
		ms    float64
		want  string
	}{
		{bare, 1200, "the first answer takes 1200 ms instead of 400 ms: 1 of Python's own modules are compiled in it, 3 in the original, and each start compiles what it imports of the others"},
		{compiled, 1200, "the first answer takes 1200 ms instead of 400 ms"},
		{bare, 500, ""},
	} {
		if got := strings.Join(ladder.Slower(compiled, c.light, 400, c.ms), "\n"); got != c.want {
			t.Errorf("got %q, want %q", got, c.want)
		}
	}
}

// Each kind of content is told apart, layers below the base count as the base, and the steps add up to the disk sizes.
func TestWaterfall(t *testing.T) {
	read := func(dir string, layers ...testimage.Tree) *image.Tree {
		t.Helper()
		tree, err := image.ReadTree(t.Context(), testimage.Image(t, v1.Config{WorkingDir: dir}, layers...), inventory.Rules())
		if err != nil {
			t.Fatal(err)
		}
		return tree
	}
	base := testimage.Tree{"/bin/sh": "zeros 0644 1000", "/usr/lib/python3/base.pyc": "zeros 0644 10"}
	site := "/usr/local/lib/python3.11/site-packages/"
	full := []testimage.Tree{base,
		{"/var/lib/apt/lists/x": "zeros 0644 300", "/root/.cache/pip/y": "zeros 0644 200", "/opt/tool": "zeros 0644 7"},
		{site + "flask/app.py": "zeros 0644 50", site + "flask/app.pyc": "zeros 0644 40", "/app/main.py": "zeros 0644 5", "/app/main.pyc": "zeros 0644 3"},
	}
	light := []testimage.Tree{{"/bin/sh": "zeros 0644 100"}, {site + "flask/app.py": "zeros 0644 50", "/app/main.py": "zeros 0644 5"}}
	before, after := read("/app", full...), read("/app", light...)
	got, err := ladder.Waterfall(ladder.Content{Tree: before, Base: 1}, ladder.Content{Tree: after, Base: 1})
	if err != nil {
		t.Fatal(err)
	}
	want := []report.Step{
		{What: "base image", Before: 1010, After: 100},
		{What: "dependencies of the program", Before: 50, After: 50},
		{What: "compiled Python bytecode", Before: 43},
		{What: "package manager caches", Before: 500},
		{What: "the program", Before: 5, After: 5},
		{What: "everything else", Before: 7},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v\nwant %+v", got, want)
	}
	var b, a int64
	for _, s := range got {
		b, a = b+s.Before, a+s.After
	}
	if wb, wa := before.Measure().Disk, after.Measure().Disk; b != wb || a != wa {
		t.Errorf("the steps add up to %d and %d, the images have %d and %d", b, a, wb, wa)
	}
	// What a carved image has of a base image counts as that, in whatever layer it lies now.
	carved := read("/app", testimage.Tree{"/bin/sh": "zeros 0644 100", "/app/main.py": "zeros 0644 5"})
	got, err = ladder.Waterfall(ladder.Content{Tree: before, Base: 1}, ladder.Content{Tree: carved, From: &ladder.Content{Tree: after, Base: 1}})
	if err != nil {
		t.Fatal(err)
	}
	want = []report.Step{
		{What: "base image", Before: 1010, Via: new(int64(100)), After: 100},
		{What: "dependencies of the program", Before: 50, Via: new(int64(50))},
		{What: "compiled Python bytecode", Before: 43, Via: new(int64(0))},
		{What: "package manager caches", Before: 500, Via: new(int64(0))},
		{What: "the program", Before: 5, Via: new(int64(5)), After: 5},
		{What: "everything else", Before: 7, Via: new(int64(0))},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("carved: got %+v\nwant %+v", got, want)
	}
	if got := ladder.WaterfallOfNothing(); got != nil {
		t.Errorf("without a winner: got %+v, want nothing", got)
	}
}

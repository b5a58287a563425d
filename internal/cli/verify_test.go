package cli

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/lighten/lighten/internal/check"
	"github.com/lighten/lighten/internal/closure"
	"github.com/lighten/lighten/internal/heal"
	"github.com/lighten/lighten/internal/testimage"
)

// A file that says other things, such as a budget, is no reason to ask nothing.
func TestChecksAreGuessedBesideAFile(t *testing.T) {
	img := testimage.Image(t, v1.Config{ExposedPorts: map[string]struct{}{"8080": {}}})
	for src, want := range map[string]string{
		"budget: {pull: 9MB}\n": "guessed GET / 9000000", "checks: []\nbudget: {pull: 9MB}\n": "guessed GET / 9000000",
		"checks: [{http: /own}]\n": "FILE GET /own 0",
	} {
		name := filepath.Join(t.TempDir(), "checks.yaml")
		if err := os.WriteFile(name, []byte(src), 0o600); err != nil {
			t.Fatal(err)
		}
		f, c, err := imageChecks(name, img)
		if err != nil {
			t.Fatal(err)
		}
		if got := fmt.Sprint(strings.Replace(c.Source, name, "FILE", 1), " ", f.Checks[0], " ", int64(f.Budget.Pull)); got != want || (c.YAML != "") != (c.Source == "guessed") {
			t.Errorf("%q: got %q, want %q; to keep: %q", src, got, want, c.YAML)
		}
	}
}

// Packages of programming languages that stay are counted, as the original's are.
// What passes says how little that is, where no hold-out check judges it.
func TestNotTried(t *testing.T) {
	for src, want := range map[string]string{
		"checks: [{tcp: {port: 1}}, {log: {matches: a}}]":       "no check asks the program anything",
		"checks: [{tcp: {port: 1}}, {http: /}]":                 "proved is what the checks ask",
		"checks: [{tcp: {port: 1}}]\nholdout: [{http: /items}]": "",
	} {
		f, err := check.Parse("lighten.yaml", []byte(src))
		if err != nil {
			t.Fatal(err)
		}
		if got := strings.Join(notTried(f), "\n"); !strings.Contains(got, want) || want == "" && got != "" {
			t.Errorf("%s: got %q, want %q", src, got, want)
		}
	}
}

func TestOtherPackagesAreCounted(t *testing.T) {
	img := testimage.Image(t, v1.Config{WorkingDir: "/app"}, testimage.Tree{"/app/node_modules/a/package.json": `file 0644 {"name":"a","version":"1"}`,
		"/app/node_modules/b/package.json": `file 0644 {"name":"b","version":"1"}`, "/opt/node_modules/c/package.json": `file 0644 {"name":"c","version":"1"}`})
	tree, inv, err := heal.Read(t.Context(), img, "")
	if err != nil {
		t.Fatal(err)
	}
	k, err := closure.Make(closure.Input{Tree: tree, Inventory: inv, Drop: []string{"/app/node_modules/b"}})
	if err != nil {
		t.Fatal(err)
	}
	if got, all := others(k, tree, inv), len(inv.Packages()); got != 1 || all != 3 {
		t.Errorf("%d of %d packages stay, want 1 of 3", got, all)
	}
}

// Misses that are listed are not said to be unknown.
func TestNotKnown(t *testing.T) {
	res := &heal.Comparison{Untraced: "the checks do not pass"}
	if got := notKnown(res); !strings.Contains(got, "is not known: the checks do not pass") {
		t.Error(got)
	}
	res.Misses = []heal.Miss{{Path: "/opt/x"}}
	if got := notKnown(res); !strings.Contains(got, "more than is listed: the checks do not pass") {
		t.Error(got)
	}
}

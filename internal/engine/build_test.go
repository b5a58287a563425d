package engine_test

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-containerregistry/pkg/v1/validate"

	"github.com/lighten/lighten/internal/engine"
	"github.com/lighten/lighten/internal/testimage"
)

func TestBuildAndRun(t *testing.T) {
	e := open(t)
	ctx := context.Background()
	store, err := e.TempDir("store")
	if err != nil {
		t.Fatal(err)
	}
	b := engine.Build{
		Name: "slim", Context: contextDir(t, map[string]string{"app.txt": "hello", "junk": "x"}), Store: store,
		Dockerfile: []byte("# syntax=docker/dockerfile:1\nFROM alpine:3.20\nCOPY . /app/\nRUN <<EOF\necho built > /built\nEOF\nUSER 1000\n"),
		Ignore:     []byte("junk\n"),
	}
	img, err := e.Build(ctx, b, func(ctx context.Context, built *engine.Built) error {
		if got := built.Config().Config.User; got != "1000" {
			t.Errorf("config user = %q", got)
		}
		if got, err := built.ReadFile(ctx, "/built"); err != nil || string(got) != "built\n" {
			t.Errorf("ReadFile = %q, %v", got, err)
		}
		if _, err := built.ReadFile(ctx, "/none"); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("ReadFile of a missing file: %v", err)
		}
		if got, err := built.ReadDir(ctx, "/app"); err != nil || strings.Join(got, " ") != "app.txt" {
			t.Errorf("ReadDir = %q, %v", got, err)
		}
		db, err := built.Image(ctx, "debian:bookworm-slim")
		if err != nil {
			return err
		}
		also, err := built.Also(ctx, engine.Build{Name: "svc", Context: contextDir(t, map[string]string{"app.txt": "other"}),
			Dockerfile: []byte("FROM alpine:3.20\nCOPY app.txt /other\n")})
		if err != nil {
			return err
		}
		if got, err := also.ReadFile(ctx, "/other"); err != nil || string(got) != "other" {
			t.Errorf("the other build's file = %q, %v", got, err)
		}
		out, err := built.Run(ctx, engine.Run{
			Args: []string{"lighten", "role-look", "a b"}, Binary: testBinary(t), Files: map[string][]byte{"plan": []byte("p")},
			Roots: map[string]*engine.Built{"db": db, "web": also}, Hosts: map[string]string{"db": "127.0.0.1"},
			Outputs: []string{"report", "none"},
		})
		if err != nil {
			return err
		}
		want := `uid=0 args=[a b]
plan="p" <nil>
loopback=true
dial=true
interfaces=1
write-root=<nil>
root db=debian
root web=alpine
hosts=true
ca=false env=""
`
		if got := string(out["report"]); got != want {
			t.Errorf("report:\n%s\nwant:\n%s", got, want)
		}
		if _, ok := out["none"]; ok {
			t.Error("an output that was not written is there")
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := validate.Image(img); err != nil {
		t.Error(err)
	}
	tree := testimage.DumpImage(t, img)
	for _, p := range []string{"/written", "/app/junk", "/dev/.lighten"} {
		if _, ok := tree[p]; ok {
			t.Errorf("%s is in the image", p)
		}
	}
	if _, ok := tree["/app/app.txt"]; !ok {
		t.Errorf("/app/app.txt is not in the image: %v", tree)
	}
	links(t, filepath.Join(store, "blobs", "sha256"))
}

// Building the same again, and running a program in it, adds nothing to what the engine keeps: every build would be slower than the last.
func TestBuildAgain(t *testing.T) {
	e := open(t)
	ctx, dir := context.Background(), contextDir(t, map[string]string{"a": "a"})
	kept := func() int {
		for _, ignore := range [][]byte{nil, []byte("x\n")} {
			b := engine.Build{Context: dir, Dockerfile: []byte("FROM alpine:3.20\nCOPY a /\n"), Ignore: ignore}
			_, err := e.Build(ctx, b, func(ctx context.Context, built *engine.Built) error {
				_, err := built.Run(ctx, engine.Run{Args: []string{"x", "role-look"}, Binary: testBinary(t)})
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
		}
		all, err := e.Usage(ctx)
		if err != nil {
			t.Fatal(err)
		}
		n := 0
		for _, u := range all {
			if strings.Contains(u.Description, "local source") {
				n++
			}
			if strings.Contains(u.Description, "bin-") {
				t.Errorf("the engine keeps %q", u.Description)
			}
		}
		return n
	}
	if first, second := kept(), kept(); first != second || first == 0 {
		t.Errorf("the engine keeps %d local sources after one build, %d after the second", first, second)
	}
}

// links checks that every blob of an exported layout shares its bytes with the engine's own.
func links(t *testing.T, dir string) {
	t.Helper()
	ents, err := os.ReadDir(dir)
	if err != nil || len(ents) < 3 {
		t.Fatalf("blobs: %v, %v", ents, err)
	}
	for _, e := range ents {
		st, err := os.Stat(filepath.Join(dir, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		if n := st.Sys().(*syscall.Stat_t).Nlink; n < 2 {
			t.Errorf("blob %s was copied, not linked", e.Name())
		}
	}
	if _, err := os.Stat(filepath.Join(filepath.Dir(filepath.Dir(dir)), "ingest")); err == nil {
		t.Error("the layout has an ingest directory")
	}
}

func TestUse(t *testing.T) {
	e := open(t)
	mine := errors.New("mine")
	err := e.Use(context.Background(), "gcr.io/distroless/static-debian12", "", nil, func(ctx context.Context, b *engine.Built) error {
		if _, err := b.ReadFile(ctx, "/etc/os-release"); err != nil {
			t.Error(err)
		}
		return mine
	})
	if !errors.Is(err, mine) {
		t.Errorf("err = %v, want the caller's own", err)
	}
}

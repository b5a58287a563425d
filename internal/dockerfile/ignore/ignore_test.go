package ignore_test

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/lighten/lighten/internal/dockerfile"
	"github.com/lighten/lighten/internal/dockerfile/ignore"
)

// tree makes files (a name that ends in / is a directory, "a -> b" a link) of the given content.
func tree(t testing.TB, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, content := range files {
		link, target, isLink := strings.Cut(name, " -> ")
		p := filepath.Join(dir, link)
		if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
			t.Fatal(err)
		}
		var err error
		switch {
		case isLink:
			err = os.Symlink(target, p)
		case strings.HasSuffix(name, "/"):
			err = os.MkdirAll(p, 0o755)
		default:
			err = os.WriteFile(p, []byte(content), 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func document(t testing.TB, src string) *dockerfile.Document {
	t.Helper()
	d, err := dockerfile.Parse("Dockerfile", []byte(src))
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// scan runs Scan and checks what always holds: the text keeps the lines there were, says what it does in
// bytes truly, and leaves nothing to propose.
func scan(t testing.TB, dir, current string, o ignore.Options) *ignore.Report {
	t.Helper()
	r, err := ignore.Scan(dir, []byte(current), o)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.HasPrefix(r.Text, []byte(current)) {
		t.Errorf("the lines there were are changed:\n%s", r.Text)
	}
	again, err := ignore.Scan(dir, r.Text, o)
	if err != nil {
		t.Fatal(err)
	}
	if again.ContextBefore != r.ContextAfter {
		t.Errorf("the context is %d bytes with the new lines, %d were announced\n%s", again.ContextBefore, r.ContextAfter, r.Text)
	}
	if len(again.Items) != 0 || !bytes.Equal(again.Text, r.Text) {
		t.Errorf("a second scan proposes %+v", again.Items)
	}
	return r
}

func patterns(r *ignore.Report) []string {
	var out []string
	for _, i := range r.Items {
		out = append(out, fmt.Sprintf("%s %d %d", i.Pattern, i.Files, i.Bytes))
	}
	slices.Sort(out)
	return out
}

const flask = "FROM python:3.11\nWORKDIR /app\nCOPY . .\nRUN pip install -r requirements.txt\nCMD [\"python\", \"app.py\"]\n"

func TestScan(t *testing.T) {
	key := "-----BEGIN RSA PRIVATE KEY-----\nx\n"
	tests := []struct {
		name       string
		files      map[string]string
		dockerfile string
		current    string
		named      []string
		want       []string // pattern, files, bytes
		kept       []string
	}{
		{
			name: "python project", dockerfile: flask,
			files: map[string]string{
				"app.py": "1", "requirements.txt": "flask", ".git/HEAD": "ref", ".git/objects/ab": "1234", "venv/pyvenv.cfg": "x", "venv/lib/a.py": "abc",
				"pkg/__pycache__/a.pyc": "12", "__pycache__/b.pyc": "3", "mod.py": "", "mod.pyc": "12345", "tests/test_a.py": "t", "docs/index.md": "d",
				".vscode/settings.json": "{}", "app.log": "line", ".coverage": "x", "Dockerfile": "FROM x", "docker-compose.yml": "a", ".dockerignore": "", "README.md": "r",
				"htmlcov/index.html": "h", "data.db": "keep",
			},
			want: []string{"**/*.log 1 4", "**/*.pyc 1 5", "**/.git 2 7", "**/.vscode 1 2", "**/__pycache__ 2 3", ".coverage 1 1", ".dockerignore 1 0", "Dockerfile 1 6",
				"README.md 1 1", "docker-compose.yml 1 1", "docs 1 1", "htmlcov 1 1", "tests 1 1", "venv 2 4"},
		},
		{
			name: "secrets", dockerfile: flask,
			files: map[string]string{
				".env": "K=v", "deploy/.env": "K", ".env.production": "P", ".env.example": "E", "server.pem": key, "ca.pem": "-----BEGIN CERTIFICATE-----", "id_rsa": key,
				".npmrc": "//r/:_authToken=x", "sub/.npmrc": "save-exact=true", ".netrc": "n", ".pypirc": "p", ".aws/credentials": "c", "service-account.json": `{"private_key": 1}`, "keys.json": "{}",
			},
			want: []string{"**/.aws 1 1", "**/.env 2 4", "**/.netrc 1 1", "**/.pypirc 1 1", "**/id_rsa 1 34", ".env.production 1 1", ".npmrc 1 17", "server.pem 1 34", "service-account.json 1 18"},
		},
		{
			name:       "what the Dockerfile names stays",
			dockerfile: "FROM node:20\nARG T=tests\nCOPY $T /t\nCOPY docs/index.html config/.env* /srv/\nADD --chmod=1 a/__pycache__/x.pyc /x\nRUN --mount=type=bind,source=.git,target=/g true\nRUN --mount=type=bind,src=node_modules/a,target=/m npm ci\nONBUILD COPY build.log /\nCOPY --from=other .vscode /v\nCMD cat htmlcov\n",
			files: map[string]string{
				"tests/a": "1", "docs/index.html": "1", "docs/b": "2", "config/.env": "s", ".env": "12", "a/__pycache__/x.pyc": "1", "b/__pycache__/y.pyc": "22", ".git/HEAD": "r",
				"node_modules/a/i.js": "1", "web/node_modules/b": "333", "build.log": "1", "c/d.log": "1", ".vscode/a": "1",
			},
			want: []string{".env 1 2", "b/__pycache__ 1 2", "c/d.log 1 1", "web/node_modules 1 3"},
			kept: []string{"config/.env"},
		},
		{
			name: "modules that nobody installs stay", dockerfile: "FROM node:20\nCOPY . .\n",
			files: map[string]string{"node_modules/a": "1", "x.js": "2"},
		},
		{
			name: "git is read for the version", dockerfile: "FROM python:3.11\nCOPY . .\nRUN pip install .\n",
			files: map[string]string{"pyproject.toml": "[build-system]\nrequires=['setuptools-scm']\nreadme = 'README.md'\n", ".git/HEAD": "1", "README.md": "1"},
		},
		{
			name: "a program without source", dockerfile: flask,
			files: map[string]string{"main.pyc": "123", "a.py": "1", "a.pyc": "12"},
			want:  []string{"a.pyc 1 2"},
		},
		{
			name: "names used for other kinds", dockerfile: flask,
			files: map[string]string{"__pycache__": "a file", "a/__pycache__/x": "12", "x.log/keep": "1", "b.log": "123", ".env/pyvenv.cfg": "1", "we[i]rd/pyvenv.cfg": "1", "#x/pyvenv.cfg": "1"},
			want:  []string{".env 1 1", "\\#x 1 1", "a/__pycache__ 1 2", "b.log 1 3", "we\\[i]rd 1 1"},
		},
		{
			name: "the lines there are count", dockerfile: flask, current: "# mine\n*.log\n!important.log\n.git",
			files: map[string]string{"a.log": "1", "important.log": "22", ".git/HEAD": "1", "sub/b.log": "333", "sub/c.py": "4"},
			want:  []string{"sub/b.log 1 3"},
		},
		{
			name: "everything but", dockerfile: flask, current: "*\r\n!src\r\n",
			files: map[string]string{"src/a.py": "1", "src/__pycache__/a.pyc": "12", "other": "1"},
			want:  []string{"**/__pycache__ 1 2"},
		},
		{
			name: "checks name the documentation", dockerfile: flask, named: []string{"http: {path: /docs/}"},
			files: map[string]string{"docs/a": "1", "tests/a": "1"},
			want:  []string{"tests 1 1"},
		},
		{
			name: "build outputs", dockerfile: flask,
			files: map[string]string{"setup.py": "s", "build/lib/a.py": "1", "dist/a.whl": "1", "a.egg-info/PKG-INFO": "1", "static/dist/a.js": "1"},
			want:  []string{"**/*.egg-info 1 1", "build 1 1", "dist 1 1"},
		},
		{
			name: "dist of another kind", dockerfile: flask,
			files: map[string]string{"setup.py": "s", "build/index.html": "1", "dist/a.js": "1"},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			o := ignore.Options{Documents: []*dockerfile.Document{document(t, tt.dockerfile)}, Named: tt.named}
			r := scan(t, tree(t, tt.files), tt.current, o)
			if got := patterns(r); !slices.Equal(got, tt.want) {
				t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(tt.want, "\n"))
			}
			var kept []string
			for _, k := range r.Kept {
				kept = append(kept, k.Path)
			}
			if !slices.Equal(kept, tt.kept) {
				t.Errorf("kept %q, want %q", kept, tt.kept)
			}
			if bytes.Contains(r.Text, []byte("_authToken")) || bytes.Contains(r.Text, []byte("K=v")) {
				t.Error("a secret is shown")
			}
		})
	}
}

func TestText(t *testing.T) {
	dir := tree(t, map[string]string{".git/a": strings.Repeat("x", 12345), ".env": "A=1", "app.py": "1"})
	r := scan(t, dir, "mine", ignore.Options{})
	want := "mine\n\n# version control (1 file, 12.3 kB when this was written)\n# the history is not part of the program\n**/.git\n\n" +
		"# secrets (1 file, 3 B when this was written)\n# secrets do not belong into an image: give them at run time, or to a RUN by --mount=type=secret\n**/.env\n"
	if string(r.Text) != want {
		t.Errorf("got\n%s\nwant\n%s", r.Text, want)
	}
	if r.ContextBefore != 12349 || r.ContextAfter != 1 {
		t.Errorf("context %d → %d bytes", r.ContextBefore, r.ContextAfter)
	}
}

// TestSpecialFiles has what makes a careless walk hang or leave the context.
func TestSpecialFiles(t *testing.T) {
	outside := tree(t, map[string]string{"secret": strings.Repeat("x", 1000)})
	dir := tree(t, map[string]string{
		"app.py": "1", "loop -> .": "", "a/up -> ../../..": "", "a/in -> ../app.py": "", "abs -> /etc": "", "dangling -> nowhere": "", "out -> " + outside: "",
		"chain -> abs/hostname": "", "x -> y": "", "y -> x": "", "venv -> " + outside: "",
	})
	for _, name := range []string{"pipe", "key.pem", "pyproject.toml"} {
		if err := syscall.Mkfifo(filepath.Join(dir, name), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	short, err := os.MkdirTemp("", "s") // a socket's path is short
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(short)
	l, err := net.Listen("unix", filepath.Join(short, "s"))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if err := os.Rename(filepath.Join(short, "s"), filepath.Join(dir, "socket")); err != nil {
		t.Skipf("the temporary directories are on two file systems: %v", err)
	}
	done := make(chan *ignore.Report, 1)
	go func() {
		r, err := ignore.Scan(dir, nil, ignore.Options{Documents: []*dockerfile.Document{document(t, flask)}})
		if err != nil {
			t.Error(err)
		}
		done <- r
	}()
	select {
	case r := <-done:
		if r.ContextBefore != 1 {
			t.Errorf("the context is %d bytes, want 1", r.ContextBefore)
		}
		if want := []string{"a/up", "abs", "chain", "out", "venv"}; !slices.Equal(r.EscapingLinks, want) {
			t.Errorf("links that leave the context: %q, want %q", r.EscapingLinks, want)
		}
	case <-time.After(20 * time.Second):
		t.Fatal("the walk hangs")
	}
}

// TestUnreadable runs as an unprivileged user, in a process of its own when the test is root.
func TestUnreadable(t *testing.T) {
	if dir := os.Getenv("LIGHTEN_TEST_SCAN"); dir != "" {
		r, err := ignore.Scan(dir, nil, ignore.Options{})
		if err != nil {
			t.Fatal(err)
		}
		if want := []string{"closed", "sub/locked"}; !slices.Equal(r.Unreadable, want) {
			t.Fatalf("unreadable: %q, want %q", r.Unreadable, want)
		}
		return
	}
	dir := tree(t, map[string]string{"app.py": "1", "sub/locked": "1", "closed/a": "1", ".git/locked": "1"})
	for _, name := range []string{"sub/locked", "closed", ".git/locked"} {
		if err := os.Chmod(filepath.Join(dir, name), 0); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() { os.Chmod(filepath.Join(dir, "closed"), 0o755) })
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self, "-test.run=^TestUnreadable$")
	if os.Getuid() == 0 {
		// The test binary and the directory lie in places that only root may enter.
		public, err := os.MkdirTemp("/tmp", "lighten-scan")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { os.RemoveAll(public) })
		b, err := os.ReadFile(self)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(public, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(public, "test"), b, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(dir, filepath.Join(public, "context")); err != nil {
			t.Skipf("the temporary directories are on two file systems: %v", err)
		}
		dir = filepath.Join(public, "context")
		cmd = exec.Command(filepath.Join(public, "test"), "-test.run=^TestUnreadable$")
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
		cmd.Dir = public
	}
	cmd.Env = append(os.Environ(), "LIGHTEN_TEST_SCAN="+dir)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
}

func TestErrors(t *testing.T) {
	if _, err := ignore.Scan(filepath.Join(t.TempDir(), "none"), nil, ignore.Options{}); err == nil || !strings.Contains(err.Error(), "none") {
		t.Errorf("error %v does not name the directory", err)
	}
	if _, err := ignore.Scan(t.TempDir(), []byte("[\n"), ignore.Options{}); err == nil || !strings.Contains(err.Error(), ".dockerignore") {
		t.Errorf("error %v does not name the file", err)
	}
}

// TestLargeContext has sparse files of 5 GB: their content is never read.
func TestLargeContext(t *testing.T) {
	dir := tree(t, map[string]string{"app.py": "1", ".git/a": "", "big": ""})
	for _, name := range []string{".git/a", "big"} {
		if err := os.Truncate(filepath.Join(dir, name), 5<<30); err != nil {
			t.Skipf("no sparse files here: %v", err)
		}
	}
	before := bytesRead(t)
	r := scan(t, dir, "", ignore.Options{})
	if n := bytesRead(t) - before; n > 1<<20 {
		t.Errorf("%d bytes were read", n)
	}
	if r.ContextBefore != 10<<30+1 || r.ContextAfter != 5<<30+1 {
		t.Errorf("context %d → %d bytes", r.ContextBefore, r.ContextAfter)
	}
}

// bytesRead is how many this process has read until now (proc(5), rchar).
func bytesRead(t *testing.T) (n int64) {
	t.Helper()
	b, err := os.ReadFile("/proc/self/io")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := fmt.Sscanf(string(b), "rchar: %d", &n); err != nil {
		t.Fatal(err)
	}
	return n
}

func BenchmarkScan50k(b *testing.B) {
	dir := b.TempDir()
	for d := range 500 {
		sub := filepath.Join(dir, fmt.Sprintf("d%d", d))
		if err := os.Mkdir(sub, 0o755); err != nil {
			b.Fatal(err)
		}
		for f := range 100 {
			if err := os.WriteFile(filepath.Join(sub, fmt.Sprintf("f%d.py", f)), nil, 0o644); err != nil {
				b.Fatal(err)
			}
		}
	}
	o := ignore.Options{Documents: []*dockerfile.Document{document(b, flask)}}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := ignore.Scan(dir, []byte("*.log\n**/node_modules\n!keep\n"), o); err != nil {
			b.Fatal(err)
		}
	}
}

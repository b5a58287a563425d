package trial_test

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/tarball"

	"github.com/lighten/lighten/internal/check"
	"github.com/lighten/lighten/internal/testimage"
)

// roleVar says which of the tests' programs this binary is. It is the supervisor inside the images too.
const roleVar = "LIGHTEN_TEST_ROLE"

var roles = map[string]func(args []string) int{"web": web, "ask": ask}

func TestMain(m *testing.M) {
	if code, ok := check.Inside(os.Args); ok {
		os.Exit(code)
	}
	if f := roles[os.Getenv(roleVar)]; f != nil {
		os.Exit(f(os.Args[1:]))
	}
	os.Exit(m.Run())
}

// web answers on the port that $PORT names, with what it asks $BEHIND for when there is one.
func web([]string) int {
	http.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		if b := os.Getenv("BEHIND"); b != "" {
			resp, err := http.Get(b)
			if err != nil {
				http.Error(w, err.Error(), http.StatusBadGateway)
				return
			}
			defer resp.Body.Close()
			_, _ = io.Copy(w, resp.Body)
			return
		}
		fmt.Fprint(w, "I am "+os.Getenv("NAME"))
	})
	fmt.Println("serving")
	fmt.Fprintln(os.Stderr, http.ListenAndServe("127.0.0.1:"+os.Getenv("PORT"), nil))
	return 1
}

// ask prints its arguments: a command-line program.
func ask(args []string) int {
	in, _ := io.ReadAll(os.Stdin)
	fmt.Printf("asked %s, given %q\n", strings.Join(args, " "), in)
	return len(args)
}

// program is an image of nothing but this binary, in a role.
func program(t testing.TB, role string, config v1.Config) v1.Image {
	t.Helper()
	config.Env = append(config.Env, roleVar+"="+role)
	if config.Entrypoint == nil {
		config.Entrypoint = []string{"/program"}
	}
	dir := contextDir(t)
	l, err := tarball.LayerFromOpener(func() (io.ReadCloser, error) { return tarOf(filepath.Join(dir, "program")) })
	if err != nil {
		t.Fatal(err)
	}
	return testimage.ImageOf(t, config, l)
}

// contextDir is a directory with this binary as "program".
func contextDir(t testing.TB) string {
	t.Helper()
	dir := t.TempDir()
	b, err := os.ReadFile(binary(t))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "program"), b, 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}

func tarOf(file string) (io.ReadCloser, error) {
	b, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	pr, pw := io.Pipe()
	go func() {
		e := testimage.Entry{Content: b}
		e.Header.Name, e.Header.Mode, e.Header.Size, e.Header.Typeflag = "program", 0o755, int64(len(b)), '0'
		pw.CloseWithError(testimage.WriteTar(pw, e))
	}()
	return pr, nil
}

func binary(t testing.TB) string {
	t.Helper()
	file, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return file
}

func parse(t testing.TB, yaml string) *check.File {
	t.Helper()
	f, err := check.Parse("lighten.yaml", []byte(yaml))
	if err != nil {
		t.Fatal(err)
	}
	return f
}

package heal_test

import (
	"archive/tar"
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"

	"github.com/lighten/lighten/internal/check"
	"github.com/lighten/lighten/internal/closure"
	"github.com/lighten/lighten/internal/engine"
	"github.com/lighten/lighten/internal/engine/enginetest"
	"github.com/lighten/lighten/internal/heal"
	"github.com/lighten/lighten/internal/image"
	"github.com/lighten/lighten/internal/testimage"
	"github.com/lighten/lighten/internal/trial"
)

// fault is something that is easily lost or broken: files over Debian's, what a shell does with them, what it prints, and what
// there is afterwards.
type fault struct {
	name   string
	layers []testimage.Tree
	entry  []testimage.Entry // of one layer more
	sh     string
	prints string
	want   testimage.Tree // paths of the carved image; "-": not there
}

const plain = "1000:1000"

// deep is a path near the longest that a program can name; what unpacks images puts a directory before it.
var deep = "/opt/" + strings.Repeat(strings.Repeat("d", 200)+"/", 18) + "f"

// faults are carved together, those of one user in one image.
var faults = map[string][]fault{
	plain: {
		{name: "no privilege is needed", sh: "c=0x$(sed -n 's/CapEff:.//p' /proc/self/status); echo admin and ptrace: $((c & (1<<21 | 1<<19)))", prints: "admin and ptrace: 0"},
		{
			name: "empty and listed directories stay", layers: []testimage.Tree{{"/opt/plugins/": "dir 0750 @1000:1000", "/opt/uploads/": "dir 0770 @0:1000", "/opt/spool/": "dir 1777", "/opt/spool/in/": "dir 0700 @1000:0"}},
			sh: "ls -A /opt/plugins; touch /opt/uploads/x && ls /opt/spool && ls /opt/spool/in && echo all there", prints: "in\nall there",
			want: testimage.Tree{"/opt/plugins/": "dir 0750 @1000:1000", "/opt/uploads/": "dir 0770 @0:1000", "/opt/uploads/x": "-", "/opt/spool/": "dir 1777", "/opt/spool/in/": "dir 0700 @1000:0"},
		},
		{
			name: "a path that begins another stays", layers: []testimage.Tree{{"/opt/foo": "file 0644 1", "/opt/foobar": "file 0644 2", "/opt/foo.d/": "dir 0711", "/opt/fo": "file 0644 3"}},
			sh: "test -e /opt/foo && cat /opt/foobar && test -d /opt/foo.d && echo three", prints: "2three",
			want: testimage.Tree{"/opt/foo": "file 0644 1", "/opt/foobar": "file 0644 2", "/opt/foo.d/": "dir 0711", "/opt/fo": "-"},
		},
		{
			name: "what the user may not read stays so", layers: []testimage.Tree{{"/opt/secret": "file 0600 @0:42 x", "/opt/vault/": "dir 0700", "/opt/vault/key": "file 0644 x"}},
			sh: "cat /opt/secret; cat /opt/vault/key; test -e /opt/vault/none; ls /opt/vault", prints: "cat: /opt/secret: Permission denied\ncat: /opt/vault/key: Permission denied\nls: cannot open directory '/opt/vault': Permission denied",
			want: testimage.Tree{"/opt/secret": "file 0600 @0:42 x", "/opt/vault/": "dir 0700"},
		},
		{
			name: "system directories stay as they are", sh: "stat -c '%a %u' / /etc /usr /usr/bin /tmp /root; touch /etc/mine", prints: "755 0\n755 0\n755 0\n755 0\n1777 0\n700 0\ntouch: cannot touch '/etc/mine': Permission denied",
			want: testimage.Tree{"/etc/": "dir 0755", "/usr/": "dir 0755", "/usr/bin/": "dir 0755", "/tmp/": "dir 1777", "/root/": "dir 0700"},
		},
		{
			name: "setuid, setgid and sticky bits stay", layers: []testimage.Tree{{"/opt/set": "file 6755 #!/bin/sh\necho set", "/opt/sticky/": "dir 3775 @0:50"}}, sh: "/opt/set; stat -c %a /opt/set /opt/sticky", prints: "set\n6755\n3775",
			want: testimage.Tree{"/opt/set": "file 6755 #!/bin/sh\necho set", "/opt/sticky/": "dir 3775 @0:50"},
		},
	},
	"": {
		{
			name: "what a run writes is not baked in", layers: []testimage.Tree{{"/opt/state": "file 0644 original", "/opt/lock": "file 0644 x", "/var/log/app.log": "file 0640 old"}},
			sh: "cat /opt/state /etc/hosts /etc/resolv.conf >/dev/null; echo changed >/opt/state; rm -f /opt/lock; echo more >>/var/log/app.log; echo x >/opt/new; echo x >/tmp/new; mkdir -p /var/run/app; echo done", prints: "done",
			want: testimage.Tree{"/opt/state": "file 0644 original", "/opt/lock": "file 0644 x", "/var/log/app.log": "file 0640 old", "/opt/new": "-", "/tmp/new": "-", "/run/app/": "-"},
		},
		{
			name: "sockets and FIFOs", layers: []testimage.Tree{{"/opt/pipe": "fifo 0622 @5:6", "/opt/sock/": "dir 0755"}},
			sh: "(echo through >/opt/pipe &); cat /opt/pipe; perl -MIO::Socket::UNIX -e 'my $l = IO::Socket::UNIX->new(Local => \"/opt/sock/s\", Listen => 1) or die $!; my $c = IO::Socket::UNIX->new(Peer => \"/opt/sock/s\") or die $!; print \"connected\\n\"'", prints: "through\nconnected",
			want: testimage.Tree{"/opt/pipe": "fifo 0622 @5:6", "/opt/sock/": "dir 0755", "/opt/sock/s": "-"},
		},
		{
			name: "names in no character set", layers: []testimage.Tree{{"/opt/caf\xe9": "file 0644 latin", "/opt/\xff\xfe/": "dir 0755", "/opt/\xff\xfe/x": "symlink ../caf\xe9"}},
			sh: "cat \"$(printf '/opt/caf\\351')\" \"$(printf '/opt/\\377\\376/x')\"", prints: "latinlatin",
			want: testimage.Tree{"/opt/caf\xe9": "file 0644 latin", "/opt/\xff\xfe/": "dir 0755", "/opt/\xff\xfe/x": "symlink ../caf\xe9"},
		},
		{name: "long paths", layers: []testimage.Tree{{deep: "file 0644 deep"}}, sh: "cat " + deep, prints: "deep", want: testimage.Tree{deep: "file 0644 deep"}},
		{
			name:   "a file that became a directory, and a directory that became a file",
			layers: []testimage.Tree{{"/opt/was-file": "file 0644 old", "/opt/was-dir/a": "file 0644 a"}, {"/opt/was-file/": "dir 0755", "/opt/was-file/in": "file 0644 in", "/opt/was-dir": "file 0644 out"}},
			sh:     "cat /opt/was-file/in /opt/was-dir; cat /opt/was-dir/a", prints: "inoutcat: /opt/was-dir/a: Not a directory",
			want: testimage.Tree{"/opt/was-file/in": "file 0644 in", "/opt/was-dir": "file 0644 out"},
		},
		{
			name: "opaque whiteouts", layers: []testimage.Tree{{"/opt/opaque/old": "file 0644 old"}, {"/opt/opaque/": "dir 0755", "/opt/opaque/.wh..wh..opq": "file 0000", "/opt/opaque/new": "file 0644 new"}},
			sh: "ls /opt/opaque; cat /opt/opaque/old", prints: "new\ncat: /opt/opaque/old: No such file or directory", want: testimage.Tree{"/opt/opaque/new": "file 0644 new", "/opt/opaque/old": "-"},
		},
		{
			name: "deleted and made anew", layers: []testimage.Tree{{"/opt/anew": "file 0600 old"}, {"/opt/.wh.anew": "file 0000"}, {"/opt/anew": "file 0644 @3:4 new"}, {"/opt/gone": "file 0644 x"}, {"/opt/.wh.gone": "file 0000"}},
			sh: "cat /opt/anew; cat /opt/gone", prints: "newcat: /opt/gone: No such file or directory", want: testimage.Tree{"/opt/anew": "file 0644 @3:4 new", "/opt/gone": "-"},
		},
		{
			name: "nothing of /proc, /sys and /dev", layers: []testimage.Tree{{"/dev/made": "char 0666 1:3", "/proc/made": "file 0644 x", "/sys/made": "file 0644 x"}},
			sh: "cat /proc/self/comm; head -c 3 /dev/zero | wc -c; ls /sys >/dev/null && echo read >/dev/null && test -c /dev/null && echo ok", prints: "cat\n3\nok",
			want: testimage.Tree{"/dev/made": "-", "/proc/made": "-", "/sys/made": "-", "/dev/null": "-", "/proc/self": "-"},
		},
		{
			name: "links in a circle", layers: []testimage.Tree{{"/opt/round": "symlink about", "/opt/about": "symlink round", "/opt/self": "symlink self"}},
			sh: "cat /opt/round /opt/self/x", prints: "cat: /opt/round: Too many levels of symbolic links\ncat: /opt/self/x: Too many levels of symbolic links",
			want: testimage.Tree{"/opt/round": "symlink about", "/opt/about": "symlink round", "/opt/self": "symlink self"},
		},
		{
			name: "absolute links in a chroot", layers: []testimage.Tree{{"/opt/jail/link": "symlink /real/up", "/opt/jail/real/up": "symlink ../../../../file", "/opt/jail/file": "file 0644 inside", "/real/up": "file 0644 outside", "/file": "file 0644 outside"}},
			sh: "perl -e 'chroot \"/opt/jail\" or die $!; open(F, \"/link\") or die $!; print <F>, \"\\n\"'", prints: "inside",
			want: testimage.Tree{"/opt/jail/link": "symlink /real/up", "/opt/jail/real/up": "symlink ../../../../file", "/opt/jail/file": "file 0644 inside"},
		},
		{
			name: "global PAX headers", entry: []testimage.Entry{
				{Header: tar.Header{Typeflag: tar.TypeXGlobalHeader, Name: "pax_global_header", PAXRecords: map[string]string{"comment": "git"}}},
				{Header: tar.Header{Typeflag: tar.TypeReg, Name: "opt/global", Mode: 0o644, Size: 6}, Content: []byte("global")},
			}, sh: "cat /opt/global", prints: "global", want: testimage.Tree{"/opt/global": "file 0644 global", "/pax_global_header": "-"},
		},
		{
			name: "libraries without the image's ldd", layers: []testimage.Tree{{"/usr/bin/.wh.ldd": "file 0000"}}, sh: "tar --version | head -1; perl -MPOSIX -e 'print POSIX::floor(2.5), \"\\n\"'", prints: "2",
			want: testimage.Tree{"/usr/bin/ldd": "-"},
		},
	},
}

// The faults of other minifiers: programs are run on Debian, observed, carved and tried.
func TestFaults(t *testing.T) {
	e := enginetest.Open(t)
	t.Run("what is easily lost stays", func(t *testing.T) { nothingIsLost(t, e) })
	t.Run("the result is run", func(t *testing.T) { resultIsRun(t, e) })
	t.Run("files that name one another", func(t *testing.T) { oneByOne(t, e) })
	t.Run("what a decoy breaks needs no healing", func(t *testing.T) { decoyBreaks(t, e) })
	t.Run("an answer that changes by itself needs no healing beside one that does", func(t *testing.T) { changesBesideHealing(t, e) })
	t.Run("no layers", func(t *testing.T) { noLayers(t, e) })
	t.Run("many files", func(t *testing.T) { manyFiles(t, e) })
	t.Run("a sparse file larger than the disk", func(t *testing.T) { hugeFile(t, e) })
}

// Programs answer as before, nothing had to be healed, and the files are what they were.
func nothingIsLost(t *testing.T, e *engine.Engine) {
	for user, all := range faults {
		img, file := faultImage(t, user, all)
		res, err := heal.Carve(t.Context(), img, faultOptions(t, e, file))
		if errors.Is(err, heal.ErrOriginal) {
			for _, r := range res.Original.Results {
				if !r.Passed {
					t.Errorf("on Debian: %+v", r)
				}
			}
		}
		if err != nil {
			t.Fatal(err)
		}
		if res.Rejected != "" || len(res.Misses) > 0 || res.Traced.Record.Untraced != "" {
			t.Errorf("user %q: rejected %q, healed %+v, untraced %q, %+v", user, res.Rejected, res.Misses, res.Traced.Record.Untraced, res.Differences)
		}
		if res.Light == nil {
			continue
		}
		tree := dump(t, res.Image)
		for n, f := range all {
			t.Run(f.name, func(t *testing.T) {
				if r := res.Light.Results[n]; !r.Passed {
					t.Errorf("got %+v", r)
				}
				same(t, tree, f.want)
			})
		}
		t.Run("records of packages stay, user "+user, func(t *testing.T) {
			if s := tree["/var/lib/dpkg/status"]; !strings.Contains(s, "\nPackage: coreutils\n") || strings.Contains(s, "\nPackage: apt\n") {
				t.Errorf("%.200q does not tell of what is left", s)
			}
			if !strings.Contains(tree["/usr/lib/os-release"], "VERSION_CODENAME=bookworm") || tree["/etc/os-release"] != "symlink ../usr/lib/os-release" {
				t.Errorf("os-release: %q, %q", tree["/etc/os-release"], tree["/usr/lib/os-release"])
			}
		})
	}
}

// faultImage puts the files of all over Debian's, and a program that does what its argument says. It exposes no port.
func faultImage(t *testing.T, user string, all []fault) (v1.Image, *check.File) {
	t.Helper()
	script := "#!/bin/sh\nexec 2>&1\ncase $1 in\n"
	var layers []v1.Layer
	file := &check.File{}
	for n, f := range all {
		script += fmt.Sprintf("f%d)\n%s\n;;\n", n, f.sh)
		for _, tree := range f.layers {
			layers = append(layers, testimage.Layer(t, tree))
		}
		if f.entry != nil {
			layers = append(layers, testimage.RawLayer(t, f.entry...))
		}
		file.Checks = append(file.Checks, check.Check{Name: f.name, Exit: &check.Exec{Args: []string{fmt.Sprintf("f%d", n)}, Stdout: f.prints}})
	}
	img, err := image.Open(t.Context(), testimage.BaseRef(t, "debian:bookworm-slim"), image.Options{})
	if err != nil {
		t.Fatal(err)
	}
	layers = append(layers, testimage.Layer(t, testimage.Tree{"/app/": "dir 0755", "/app/run": "file 0755 " + script + "esac\nexit 0\n"}))
	if img, err = mutate.AppendLayers(img, layers...); err != nil {
		t.Fatal(err)
	}
	if img, err = mutate.Config(img, v1.Config{Entrypoint: []string{"/app/run"}, User: user}); err != nil {
		t.Fatal(err)
	}
	return img, file
}

func faultOptions(t *testing.T, e *engine.Engine, f *check.File) heal.Options {
	t.Helper()
	binary, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return heal.Options{Engine: e, Level: closure.Safe, Trial: &trial.Trial{File: f, Source: "lighten.yaml", Binary: binary}, CacheDir: t.TempDir()}
}

// dump is the merged tree of an image as a test value. The library's own extraction leaves links out that lead above the root.
func dump(t *testing.T, img v1.Image) testimage.Tree {
	t.Helper()
	layers, err := img.Layers()
	if err != nil {
		t.Fatal(err)
	}
	all := testimage.Tree{}
	for _, l := range layers { // a carved image has no whiteouts
		maps.Copy(all, testimage.DumpLayer(t, l))
	}
	return all
}

// same wants paths of a tree to be as they should; "-": not there.
func same(t *testing.T, tree, want testimage.Tree) {
	t.Helper()
	for p, w := range want {
		got, ok := tree[p]
		if !ok {
			got = "-"
		}
		if got != w {
			t.Errorf("%.60q is %.80q, want %.80q", p, got, w)
		}
	}
}

// A program that reads what a directory of Python's modules lists finds a decoy there while it is observed, and nothing otherwise.
func decoyBreaks(t *testing.T, e *engine.Engine) {
	const site = "/usr/lib/python3.11/site-packages/"
	img, file := faultImage(t, plain, []fault{
		{name: "one", layers: []testimage.Tree{{site + "here.py": "file 0644 here", site + "gone-1.dist-info/METADATA": "file 0644 Name: gone\nVersion: 1\n"}}, sh: "cat " + site + "here.py", prints: "here"},
		{name: "all", sh: "cd " + site + "; for d in *-info; do test ! -h $d || exit 3; done; echo fine", prints: "fine"},
	})
	file.Checks, file.Holdout = file.Checks[:1], file.Checks[1:]
	res, err := heal.Carve(t.Context(), img, faultOptions(t, e, file))
	if err != nil {
		t.Fatal(err)
	}
	if res.Rejected != "" || res.Before != 1 || len(res.Helped) != 0 || res.After != 1 {
		t.Errorf("rejected %q, hold-out checks %d before healing and %d after, %q", res.Rejected, res.Before, res.After, res.Helped)
	}
}

// An answer that depends on how the image is layered changes by itself, also where something was put back for another check.
func changesBesideHealing(t *testing.T, e *engine.Engine) {
	lower, upper := listed(12)
	lower["/opt/one/a"], lower["/usr/local/two/b"] = "file 0644 one", "file 0644 deux"
	img, file := faultImage(t, plain, []fault{
		{name: "one", layers: []testimage.Tree{lower, upper}, sh: "cat /opt/one/a; ls /opt/list >/dev/null", prints: "one"},
		{name: "two", sh: "n=two; cat /usr/local/$n/b", prints: "deux"},
		{name: "layers", sh: "echo $(ls -U /opt/list)"},
	})
	file.Checks, file.Holdout = file.Checks[:1], file.Checks[1:]
	res, err := heal.Carve(t.Context(), img, faultOptions(t, e, file))
	if err != nil {
		t.Fatal(err)
	}
	if res.Rejected != "" || res.Before != 1 || !slices.Equal(res.Helped, []string{"two"}) || res.After != 2 {
		t.Errorf("rejected %q, hold-out checks %d before healing and %d after, %q", res.Rejected, res.Before, res.After, res.Helped)
	}
}

// listed are two layers of a directory, each with n files, which is listed in another order when it is in one layer.
func listed(n int) (lower, upper testimage.Tree) {
	lower, upper = testimage.Tree{}, testimage.Tree{}
	for i := range n {
		lower[fmt.Sprintf("/opt/list/%02d", i)] = "file 0644 lower"
		upper[fmt.Sprintf("/opt/list/%02d", n+i)] = "file 0644 upper"
	}
	return lower, upper
}

// What is carved is run: an image that misses something is healed, or not given out.
func resultIsRun(t *testing.T, e *engine.Engine) {
	img, file := faultImage(t, plain, []fault{
		{name: "one", layers: []testimage.Tree{{"/opt/one/a": "file 0644 one", "/usr/local/two/b": "file 0644 deux", "/usr/local/two/c": "file 0644 trois"}}, sh: "cat /opt/one/a", prints: "one"},
		{name: "two", sh: "n=two; cat /usr/local/$n/b", prints: "deux"},
		{name: "three", sh: "n=two; cat /usr/local/$n/c 2>/dev/null; echo fine", prints: "fine"}, // passes without, and answers less
	})
	file.Checks, file.Holdout = file.Checks[:1], file.Checks[1:]
	o := faultOptions(t, e, file)
	res, err := heal.Carve(t.Context(), img, o)
	if err != nil {
		t.Fatal(err)
	}
	if res.Rejected != "" || res.Before != 0 || len(res.Helped) != 2 || res.After != 2 || res.Rounds != 2 || len(res.Misses) == 0 || res.Misses[0].Path != "/usr/local/two/b" || !res.Misses[0].Holdout {
		t.Errorf("rejected %q, hold-out checks %d before healing and %d after, %d rounds, missed %+v", res.Rejected, res.Before, res.After, res.Rounds, res.Misses)
	}
	o.Rounds = 1
	if res, err = heal.Carve(t.Context(), img, o); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(res.Rejected, "it still misses files") {
		t.Errorf("an image that misses a file is given out: %q", res.Rejected)
	}
	// The same program carved again gives the same image, and so by its lock.
	o.Rounds = 0
	again, err := heal.Carve(t.Context(), img, o)
	if err != nil {
		t.Fatal(err)
	}
	third, err := heal.Carve(t.Context(), img, o)
	if err != nil {
		t.Fatal(err)
	}
	if a, b := digest(t, again.Image), digest(t, third.Image); a != b {
		t.Errorf("two runs, two digests: %s, %s", a, b)
	}
}

// A program whose files name one another is missed one file a round: after some, all of their package comes back.
func oneByOne(t *testing.T, e *engine.Engine) {
	const lib = "/usr/lib/chain/"
	tree, sums := testimage.Tree{}, ""
	for n := range 12 {
		tree[fmt.Sprintf("%s%c", lib, 'a'+n)] = fmt.Sprintf("file 0644 n=%c; . $d/$n", 'b'+n)
	}
	tree[lib+"m"], tree[lib+"never"] = "file 0644 echo end", "file 0644 x"
	for _, p := range slices.Sorted(maps.Keys(tree)) {
		sums += strings.Repeat("0", 32) + "  " + p[1:] + "\n"
	}
	tree["/var/lib/dpkg/status.d/chain"] = "file 0644 Package: chain\nVersion: 1\nArchitecture: all\nStatus: install ok installed\n"
	tree["/var/lib/dpkg/status.d/chain.md5sums"] = "file 0644 " + sums
	img, file := faultImage(t, plain, []fault{
		{name: "one", layers: []testimage.Tree{{"/opt/one/a": "file 0644 one"}, tree}, sh: "cat /opt/one/a", prints: "one"},
		{name: "all", sh: "d=/usr/lib; d=$d/chain; n=a; . $d/$n", prints: "end"},
	})
	res := healedTight(t, e, img, file)
	if res.Rejected != "" || res.After != 1 || res.Rounds > 7 || !res.Keep.Has(lib+"never") {
		t.Errorf("rejected %q, %d hold-out checks passed after %d rounds", res.Rejected, res.After, res.Rounds)
	}
}

// healedTight is an image carved at the level tight by the first of its checks, and healed by the others.
func healedTight(t *testing.T, e *engine.Engine, img v1.Image, file *check.File) *heal.Result {
	t.Helper()
	file.Checks, file.Holdout = file.Checks[:1], file.Checks[1:]
	o := faultOptions(t, e, file)
	o.Level = closure.Tight
	res, err := heal.Carve(t.Context(), img, o)
	if err != nil {
		t.Fatal(err)
	}
	return res
}

func digest(t *testing.T, img v1.Image) string {
	t.Helper()
	h, err := img.Digest()
	if err != nil {
		t.Fatal(err)
	}
	return h.String()
}

// An image of no layers has no program, which is said, whatever it is asked.
func noLayers(t *testing.T, e *engine.Engine) {
	file := &check.File{Checks: []check.Check{{Exit: &check.Exec{}}}}
	res, err := heal.Carve(t.Context(), testimage.Image(t, v1.Config{Entrypoint: []string{"/run"}}), faultOptions(t, e, file))
	if !errors.Is(err, heal.ErrOriginal) || res == nil || res.Original.Passed() || !strings.Contains(res.Original.FirstFailure(), "/run") {
		t.Errorf("%+v, %v", res, err)
	}
}

// A program that looks up 4,000 of 12,000 files comes up while it is observed, and all of them stay.
func manyFiles(t *testing.T, e *engine.Engine) {
	var entries []testimage.Entry
	for n := range 12000 {
		entries = append(entries, testimage.Entry{Header: tar.Header{Typeflag: tar.TypeReg, Mode: 0o644, Size: 1, Name: fmt.Sprintf("opt/many/%c/d%d/f%d", 'a'+n%3, n%97, n)}, Content: []byte("x")})
	}
	img, file := faultImage(t, plain, []fault{{name: "many", entry: entries, sh: "find /opt/many/a -type f -size +0 | wc -l", prints: "4000"}})
	res, err := heal.Carve(t.Context(), img, faultOptions(t, e, file))
	if err != nil {
		t.Fatal(err)
	}
	if res.Rejected != "" || res.Traced.Record.Untraced != "" || res.Traced.Record.Full || len(res.Misses) > 0 {
		t.Errorf("rejected %q, untraced %q, missed %d", res.Rejected, res.Traced.Record.Untraced, len(res.Misses))
	}
	n := 0
	for p := range dump(t, res.Image) {
		if strings.HasPrefix(p, "/opt/many/a/") && !strings.HasSuffix(p, "/") {
			n++
		}
	}
	if n != 4000 {
		t.Errorf("%d files stay of 4,000 that were looked up", n)
	}
	t.Logf("%.0f ms untraced, %.0f ms traced, %d look-ups", res.Original.Results[0].Millis, res.Traced.Report.Results[0].Millis, res.Traced.Record.Events)
}

// An image that claims more than the disk holds is refused before anything is unpacked.
func hugeFile(t *testing.T, e *engine.Engine) {
	testimage.Need(t, "tar")
	dir := t.TempDir()
	f, err := os.Create(filepath.Join(dir, "huge"))
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(f.Truncate(8<<40), f.Close()); err != nil {
		t.Skip("no sparse files here: ", err)
	}
	archive, err := exec.Command("tar", "-C", dir, "--sparse", "-cf", "-", "huge").Output()
	if err != nil {
		t.Fatal(err)
	}
	l, err := tarball.LayerFromOpener(func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(archive)), nil })
	if err != nil {
		t.Fatal(err)
	}
	img, file := faultImage(t, plain, []fault{{name: "huge", sh: "echo ok", prints: "ok"}})
	if img, err = mutate.AppendLayers(img, l); err != nil {
		t.Fatal(err)
	}
	_, err = heal.Carve(t.Context(), img, faultOptions(t, e, file))
	if err == nil || !strings.Contains(err.Error(), "unpacking the image takes 8.7") || !strings.Contains(err.Error(), "are free in") {
		t.Errorf("error %v", err)
	}
}

package observe_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/lighten/lighten/internal/testimage"
)

func TestShell(t *testing.T) {
	hosts(t, func(t *testing.T, h host) {
		dir := publicDir(t)
		write(t, dir, "a", "d/b")
		h.Dir = dir
		h.Argv = []string{"/bin/sh", "-c", `read x < a; test -e gone; cd d; cat b ../a > c; ls . > /dev/null; mkdir m; mv c m/c; rm m/c; true`}
		r := h.run(t)
		r.want(t, map[string]string{
			dir + "/a": "open", dir + "/gone": "stat", dir + "/d": "open,stat,list,chdir", dir + "/d/b": "open", dir + "/d/c": "write",
			"/bin/sh": "exec", dir + "/d/m": "write",
		})
		for name, by := range map[string]string{"/bin/sh": "", dir + "/a": "/bin/sh", dir + "/d/b": "/usr/bin/cat", dir + "/d/m": "/usr/bin/mkdir"} {
			if p := r.path(name); p != nil && p.By != by {
				t.Errorf("%s was looked up by %q, want %q", name, p.By, by)
			}
		}
	})
}

func TestCalls(t *testing.T) {
	hosts(t, func(t *testing.T, h host) {
		dir := publicDir(t)
		write(t, dir, "sub/x", "listed/x")
		h.Argv = self(t, "calls", dir)
		sub := dir + "/sub/"
		h.run(t).want(t, map[string]string{
			sub + "openat": "open", dir + "/openat-dot/double": "open,write", dir + "/openat-up": "write", sub + "missing/../openat-kept": "open",
			sub + "openat2": "open", sub + "openat2-root": "open", sub + "statx": "stat", sub + "fstatat": "stat",
			sub + "faccessat": "access", sub + "faccessat2": "access", sub + "readlinkat": "readlink", dir + "/statfs": "stat",
			dir + "/getxattr": "stat", dir + "/lsetxattr": "write", sub + "execveat": "exec", dir + "/execve": "exec", dir + "/chdir": "chdir",
			sub + "mkdirat": "write", sub + "unlinkat": "write", sub + "symlinkat": "write", dir + "/target": "", sub + "target": "",
			sub + "from": "write", dir + "/to": "write", sub + "old": "stat", dir + "/new": "write", sub + "fchmodat": "write", sub + "fchownat": "write",
			sub + "utimensat": "write", dir + "/truncate": "write", dir + "/inotify": "stat", dir + "/caf\xe9": "open",
			dir + "/listed": "open,list", sub + "created": "open,write", dir: "chdir", dir + "/sub": "stat",
		})
	})
}

func TestCallsThatFail(t *testing.T) {
	r := host{Uid: -1, Argv: self(t, "odd")}.run(t)
	r.want(t, map[string]string{"/at/edge": "open"})
	for _, p := range r.record.Paths {
		if strings.HasPrefix(p.Name, "/deep/") && len(p.Name) == 4095 {
			return
		}
	}
	t.Error("the longest path is not recorded")
}

func TestSockets(t *testing.T) {
	dir := publicDir(t)
	r := host{Uid: -1, Argv: self(t, "sockets", dir)}.run(t)
	r.want(t, map[string]string{dir + "/run.sock": "write,connect", dir + "/gone.sock": "connect"})
	if got, want := strings.Join(r.record.Listens, ", "), "tcp 127.0.0.1:0, tcp [::1]:0, unix "+dir+"/run.sock, unix @abstract"; got != want {
		t.Errorf("listens on %s, want %s", got, want)
	}
}

func TestChroot(t *testing.T) {
	testimage.Need(t, "root")
	for _, caps := range []string{"", "docker"} {
		dir := publicDir(t)
		write(t, dir, "jail/x")
		for link, to := range map[string]string{"to": "/d/../d", "d": "../../e/./", "up": "round", "round": "up"} { // in the jail: /to is /d, which is /e
			if err := os.Symlink(to, filepath.Join(dir, "jail", link)); err != nil {
				t.Fatal(err)
			}
		}
		h := host{Uid: -1, Dir: dir, Argv: self(t, "chroot", dir+"/jail"), caps: caps}
		h.run(t).want(t, map[string]string{dir + "/jail": "chdir", dir + "/jail/absolute": "open", dir + "/relative": "open", dir + "/jail/up": "open", dir + "/jail/round": "open",
			dir + "/jail/to/x": "open", dir + "/jail/d/../d/x": "open", dir + "/jail/e/../d/x": "open"})
	}
}

func TestSetuid(t *testing.T) {
	testimage.Need(t, "root")
	for _, caps := range []string{"", "docker"} {
		dir := publicDir(t)
		write(t, dir, "x")
		r := host{Uid: -1, Argv: self(t, "setuid", dir), caps: caps}.run(t)
		r.want(t, map[string]string{dir + "/before": "open", dir + "/after": "open", dir + "/relative": "open",
			dir + "/executed": "open", dir + "/executed-relative": "open"})
		if p := r.path(dir); p == nil || p.Ops.String() != "open,list,chdir" {
			t.Errorf("%s: %v", dir, p)
		}
	}
}

// TestBecomingUsers goes the ways in which images start programs as a user: a program that executes another, and a server
// that forks workers.
func TestBecomingUsers(t *testing.T) {
	testimage.Need(t, "root", "setpriv", "python3")
	dir := publicDir(t)
	write(t, dir, "x", "d/y")
	h := host{Uid: -1, caps: "docker", Dir: dir}
	h.Argv = []string{"setpriv", "--reuid", "1234", "--regid", "1234", "--clear-groups", "/bin/sh", "-c", "cat x d/y; ls d"}
	h.run(t).want(t, map[string]string{dir + "/x": "open", dir + "/d/y": "open", dir + "/d": "open,stat,list"})

	const worker = `
import os, subprocess
if pid := os.fork():
	os.waitpid(pid, 0); open("master")
else:
	os.setgroups([]); os.setgid(1234); os.setuid(1234)
	os.path.exists("worker"); os.listdir("d"); os.chdir("d"); os.path.exists("in-d")
	subprocess.run(["cat", "y"], check=True); os.system("cat z")
`
	write(t, dir, "master")
	h.Argv = []string{"python3", "-c", worker}
	r := h.run(t)
	r.want(t, map[string]string{dir + "/worker": "stat", dir + "/d": "open,stat,list,chdir", dir + "/d/in-d": "stat", dir + "/d/y": "open",
		dir + "/d/z": "open", dir + "/master": "open"})

	// A child that shares nothing with its undumpable parent and executes nothing cannot be read: it is counted, and runs.
	h.Argv = []string{"python3", "-c", `
import os, sys
os.setgid(1234); os.setuid(1234)
pid = os.fork()
if pid == 0:
	open("x"); os._exit(7)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) != 7)
`}
	if r := h.run(t); r.Code != 0 || r.record.Unread == 0 {
		t.Errorf("code %d, unread %d: %s", r.Code, r.record.Unread, r.Output)
	}
}

// TestNginx serves files from workers that the master starts as another user.
func TestNginx(t *testing.T) {
	testimage.Need(t, "root", "nginx", "bash", "python3")
	dir := publicDir(t)
	write(t, dir, "www/index.html", "www/page.html")
	conf := `user nobody nogroup; pid ` + dir + `/pid; error_log stderr; worker_processes 2; events {}
http { access_log off; server { listen unix:` + dir + `/sock; listen 127.0.0.1:47811; root ` + dir + `/www; autoindex on; location = /gone { try_files /tried.html /page.html; } } }`
	for _, d := range []string{"client_body", "proxy", "fastcgi", "uwsgi", "scgi"} {
		conf = strings.Replace(conf, "http {", "http { "+d+"_temp_path "+dir+"/"+d+";", 1)
	}
	if err := os.WriteFile(dir+"/conf", []byte(conf), 0o644); err != nil {
		t.Fatal(err)
	}
	r := host{Uid: -1, caps: "docker", Argv: []string{"bash", "-c", `
nginx -c ` + dir + `/conf -g 'daemon off;' & pid=$!
python3 - <<'END'
import socket, time
for path in ["/", "/gone", "/missing"]:
	for i in range(200):
		try:
			s = socket.socket(socket.AF_UNIX); s.connect("` + dir + `/sock"); break
		except OSError: time.sleep(0.05)
	s.sendall(b"GET %s HTTP/1.0\r\n\r\n" % path.encode()); print(s.recv(1000))
END
kill -TERM $pid; wait $pid`}}.run(t)
	r.want(t, map[string]string{dir + "/www/page.html": "open", dir + "/www/tried.html": "stat", dir + "/www/missing": "open", dir + "/www/index.html": "open,stat"})
	if p := r.path(dir + "/www/page.html"); p != nil && filepath.Base(p.By) != "nginx" {
		t.Errorf("a page was looked up by %s", p.By)
	}
	if got := strings.Join(r.record.Listens, ", "); !strings.Contains(got, "unix "+dir+"/sock") || !strings.Contains(got, "tcp 127.0.0.1:47811") {
		t.Errorf("listens on %s", got)
	}
}

// TestC compiles a program that forks in each way of C libraries, statically linked and not.
func TestC(t *testing.T) {
	testimage.Need(t, "gcc")
	dir := publicDir(t)
	src := filepath.Join(dir, "forks.c")
	if err := os.WriteFile(src, []byte(`
#define _GNU_SOURCE
#include <spawn.h>
#include <stdio.h>
#include <unistd.h>
#include <fcntl.h>
#include <dirent.h>
#include <sys/wait.h>
#include <sys/stat.h>
extern char **environ;
int main(int argc, char **argv) {
	struct stat st; pid_t p; int status = 0;
	char *ls[] = {"cat", "spawned", 0}, *vf[] = {"cat", "vforked", 0};
	if (chdir(argv[1])) return 1;
	stat("stat", &st); lstat("lstat", &st); access("access", 0); open("open", O_RDONLY);
	if (posix_spawnp(&p, "cat", 0, 0, ls, environ)) return 2;
	waitpid(p, &status, 0); if (status) return 3;
	if (!(p = vfork())) { execvp("gone-program", vf); execvp("cat", vf); _exit(1); }
	waitpid(p, &status, 0); if (status) return 4;
	stat("after-vfork", &st);
	if (!(p = fork())) { stat("forked", &st); _exit(0); }
	waitpid(p, &status, 0); if (status) return 5;
	FILE *f = popen("cat popened", "r"); while (fgetc(f) != EOF); pclose(f);
	DIR *d = opendir("listed"); readdir(d); closedir(d);
	return 0;
}`), 0o644); err != nil {
		t.Fatal(err)
	}
	write(t, dir, "spawned", "vforked", "popened", "listed/x")
	for _, how := range []string{"-static", "-O1"} {
		bin := filepath.Join(dir, "forks"+how)
		if out, err := exec.Command("gcc", how, "-o", bin, src).CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		hosts(t, func(t *testing.T, h host) {
			h.Argv = []string{bin, dir}
			r := h.run(t)
			r.want(t, map[string]string{dir + "/stat": "stat", dir + "/lstat": "stat", dir + "/access": "access", dir + "/open": "open", dir + "/spawned": "open",
				dir + "/vforked": "open", dir + "/after-vfork": "stat", dir + "/forked": "stat", dir + "/popened": "open", dir + "/listed": "open,list"})
			for name, by := range map[string]string{"/after-vfork": bin, "/forked": bin, "/vforked": "/usr/bin/cat"} {
				if p := r.path(dir + name); p != nil && p.By != by {
					t.Errorf("%s was looked up by %s, want %s", name, p.By, by)
				}
			}
		})
	}
}

func TestThreads(t *testing.T) {
	hosts(t, func(t *testing.T, h host) {
		dir := publicDir(t)
		h.Argv = self(t, "threads", dir)
		want := map[string]string{}
		for i := range 200 {
			want[dir+"/thread-"+itoa(i)] = "open"
		}
		h.run(t).want(t, want)
	})
}

func TestWorkingDirectory(t *testing.T) {
	hosts(t, func(t *testing.T, h host) {
		dir := publicDir(t)
		write(t, dir, "a/x", "b/x")
		h.Argv = self(t, "cwd", dir)
		h.run(t).want(t, map[string]string{dir + "/a/1": "open", dir + "/a/2": "open", dir + "/3": "open", dir + "/b/4": "open", dir + "/a/gone": "chdir"})
	})
}

func TestPrograms(t *testing.T) {
	dir := publicDir(t)
	write(t, dir, "x", "data/a")
	for _, p := range []struct {
		argv []string
		want map[string]string
	}{
		{[]string{"python3", "-c", `
import os, subprocess, multiprocessing, ctypes.util, json, tempfile, glob
os.chdir("` + dir + `")
open("x").read(); os.listdir("data"); os.path.exists("gone"); glob.glob("data/*")
subprocess.run(["cat", "data/a"], check=True)
p = multiprocessing.get_context("fork").Process(target=lambda: open("x")); p.start(); p.join()
for e in os.scandir(os.open("data", os.O_RDONLY)): e.stat()
`}, map[string]string{dir + "/x": "open", dir + "/data": "open,list", dir + "/gone": "stat"}},
		{[]string{"perl", "-e", `chdir "` + dir + `"; open(F, "x"); opendir(D, "data"); readdir D; -e "gone"; system "cat", "data/a"`},
			map[string]string{dir + "/x": "open", dir + "/data/a": "open", dir + "/gone": "stat"}},
		{[]string{"node", "-e", `const fs=require("fs"), c=require("child_process"); process.chdir("` + dir + `"); fs.readFileSync("x"); fs.readdirSync("data"); fs.existsSync("gone"); c.execFileSync("cat", ["data/a"]); fs.promises.stat("later").catch(() => {})`},
			map[string]string{dir + "/x": "open", dir + "/data/a": "open", dir + "/later": "stat"}},
		{[]string{"java", "-version"}, nil},
		{[]string{"find", dir, "-name", "a"}, map[string]string{dir + "/data": "open,stat,list"}},
		{[]string{"tar", "-C", dir, "-cf", "/dev/null", "--", "x", "data"}, map[string]string{dir + "/data/a": "stat"}},
	} {
		t.Run(p.argv[0], func(t *testing.T) {
			testimage.Need(t, p.argv[0])
			for _, h := range []host{{Uid: -1, caps: "docker"}, {Uid: -1, uid: 0}} {
				h.Argv = p.argv
				r := h.run(t)
				t.Logf("%d events, %d paths", r.record.Events, len(r.record.Paths))
				for name := range p.want {
					if r.ops(name) == "" {
						t.Errorf("%s is not recorded", name)
					}
				}
				r.want(t, nil)
			}
		})
	}
}

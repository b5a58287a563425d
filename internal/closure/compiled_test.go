package closure_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/lighten/lighten/internal/closure"
)

// The commands that a program in C gives to a shell or to exec(3) are found among its constants; what its symbols are called is none.
func TestCompiledCommands(t *testing.T) {
	if _, err := exec.LookPath("gcc"); err != nil {
		t.Skip("no C compiler here (apt-get install gcc)")
	}
	source := `#include <stdlib.h>
#include <unistd.h>
int sync_all(void) { return kill_all(); }
int kill_all(void) { return system("echo menu; ls /srv | wc -l") + execlp("convert", "convert", "-version", (char *)0); }
int main(void) { sleep(0); return sync_all(); }`
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "x.c"), []byte(source), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("gcc", "-w", "-o", filepath.Join(dir, "x"), filepath.Join(dir, "x.c")).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	b, err := os.ReadFile(filepath.Join(dir, "x"))
	if err != nil {
		t.Fatal(err)
	}
	facts := closure.Distil("/opt/x", int64(len(b)))(b)
	for word, want := range map[string]bool{"sh": true, "echo": true, "ls": true, "wc": true, "convert": true, "sleep": false, "kill": false} {
		if got := slices.Contains(facts, "run "+word); got != want {
			t.Errorf("%s: got %v, want %v", word, got, want)
		}
	}
	if t.Failed() {
		t.Log(strings.Join(facts, "\n"))
	}
}

// Strings of Rust have no end of their own; those that its code refers to are found, in a program that starts processes.
func TestRustCommands(t *testing.T) {
	if _, err := exec.LookPath("rustc"); err != nil {
		t.Skip("no Rust compiler here (apt-get install rustc)")
	}
	source := `use std::process::Command;
fn run(p: &str, a: &[&str]) -> bool { Command::new(p).args(a).status().is_ok() }
fn main() {
    println!("the host is whoami");
    std::process::exit((run("date", &["-u"]) && run("sh", &["-c", "printf x | sort -r | head -1"])) as i32);
}`
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "x.rs"), []byte(source), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("rustc", "-O", "-C", "strip=symbols", "-C", "target-feature=+crt-static", "-o", filepath.Join(dir, "x"), filepath.Join(dir, "x.rs")).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	b, err := os.ReadFile(filepath.Join(dir, "x"))
	if err != nil {
		t.Fatal(err)
	}
	facts := closure.Distil("/opt/x", int64(len(b)))(b)
	for word, want := range map[string]bool{"sh": true, "date": true, "sort": true, "head": true, "whoami": false, "convert": false} {
		if got := slices.Contains(facts, "run "+word); got != want {
			t.Errorf("%s: got %v, want %v", word, got, want)
		}
	}
}

// openssl-probe joins the name of the bundle of certificate authorities to the directories that it knows.
func TestCompiledAuthorities(t *testing.T) {
	for text, want := range map[string]bool{"/var/ssl/etc/sslcert.pemca-certificates.crtcerts/ca-bundle.crt": true, "/var/ssl/etc/sslcert.pem": false} {
		b := []byte("\x7fELF\x02\x01\x01\x00" + text)
		facts := closure.Distil("/opt/x", int64(len(b)))(b)
		if got := slices.Contains(facts, "path /etc/ssl/certs/ca-certificates.crt"); got != want {
			t.Errorf("%q: got %v, want %v in %q", text, got, want, facts)
		}
	}
}

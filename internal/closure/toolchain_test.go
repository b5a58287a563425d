package closure_test

import (
	"slices"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/lighten/lighten/internal/closure"
	"github.com/lighten/lighten/internal/testimage"
)

// What compiled a program lies beside it in an image of one stage, and the program names it.
func TestToolchains(t *testing.T) {
	const module, crate = "/go/pkg/mod/example.org/m@v1.0.0/m.go", "/usr/local/cargo/registry/src/index.crates.io-1/m-1.0.0/src/lib.rs"
	server := exe + amd64("") + "\x00/usr/local/go\x00/usr/local/go/src/fmt/print.go\x00/go/pkg/mod\x00" + module + "\x00" + crate + "\x00/usr/local/go/lib/time/\x00"
	golang := testimage.Tree{
		"/usr/local/go/bin/go": exe + amd64("") + "\x00/srv/of-go/\x00", "/usr/local/go/bin/gofmt": exe + amd64(""), "/usr/local/go/pkg/tool/linux_amd64/compile": exe + amd64(""),
		"/usr/local/go/src/fmt/print.go": "file 0644 x", "/usr/local/go/src/run.sh": exe + "#!/usr/bin/perl\n", "/usr/local/go/lib/time/zoneinfo.zip": "file 0644 x",
		"/go/pkg/mod/cache/download/": "dir 0755", module: "file 0644 x", "/go/bin/migrate": exe + amd64(""), "/srv/of-go/x": "file 0644 x",
		"/app/server": server, "/app/main.go": "file 0644 x", "/usr/bin/perl": exe + amd64(""), "/usr/bin/sh": exe + amd64(""),
	}
	rust := testimage.Tree{
		"/usr/local/rustup/toolchains/stable/bin/rustc": exe + amd64(""), "/usr/local/rustup/toolchains/stable/lib/rustlib/x/lib/libstd-1.rlib": "file 0644 x",
		"/usr/local/rustup/toolchains/stable/lib/libstd-1.so": "file 0644 x", "/usr/local/cargo/registry/index/x": "file 0644 x", "/usr/local/cargo/registry/cache/x": "file 0644 x", crate: "file 0644 x",
		"/usr/local/cargo/bin/cargo": exe + amd64(""), "/usr/local/cargo/bin/sqlx": exe + amd64(""), "/app/server": server,
	}
	config := v1.Config{WorkingDir: "/app", Env: []string{"PATH=/usr/local/go/bin:/usr/local/cargo/bin:/usr/bin", "GOPATH=/go", "CARGO_HOME=/usr/local/cargo", "RUSTUP_HOME=/usr/local/rustup"}}
	goes := func(rule string, paths ...string) map[string]string {
		m := map[string]string{}
		for _, p := range paths {
			m[p] = rule
		}
		return m
	}
	tool := goes("toolchain of Go", "/usr/local/go/bin/go", "/usr/local/go/pkg/tool/linux_amd64/compile", "/usr/local/go/src/fmt/print.go")
	const all = "/usr/local/go/bin/go /usr/local/go/bin/gofmt /usr/local/go/pkg/tool/linux_amd64/compile /usr/local/go/src/fmt/print.go " + module
	// Debian's compiler lies in /usr, beside much else.
	packaged := testimage.Tree{
		"/var/lib/dpkg/status": "file 0644 " + statusOf("rustc"), "/var/lib/dpkg/info/rustc.list": "file 0644 /usr/bin/rustc\n/usr/lib/rustlib/x/lib/libstd-1.rlib\n", "/usr/bin/rustc": exe + amd64(""),
		"/usr/lib/rustlib/x/lib/libstd-1.rlib": "file 0644 x", "/usr/libexec/tool/x": "file 0644 x", "/app/server": server + "/usr/libexec/tool/\x00", "/app/tool.py": "file 0644 D = '/usr/share/tool/'\n", "/usr/share/tool/x": "file 0644 x",
	}
	run := "exec /app/server\n"
	script := func(text string) testimage.Tree {
		return testimage.Tree{"/app/tools/build.sh": exe + "#!/bin/sh\n" + text}
	}
	for _, c := range []keepCase{
		{name: "Go", tree: golang, looked: run, stays: "/app/server /app/main.go /usr/local/go/lib/time/zoneinfo.zip", goes: tool},
		{name: "Go, tight", tree: golang, looked: run, level: closure.Tight, goes: tool},
		{name: "modules", tree: golang, looked: run, goes: goes("modules of Go, compiled into programs", module)},
		{name: "what its sources name", tree: golang, looked: run, goes: goes("never looked up", "/usr/bin/perl", "/srv/of-go/x")},
		{name: "a look-up in it", tree: golang, looked: run + "open /usr/local/go/src/fmt/print.go", stays: "/usr/local/go/src/fmt/print.go", goes: goes("toolchain of Go", "/usr/local/go/bin/go")},
		{name: "one that is run", tree: golang, looked: run + "exec /usr/local/go/bin/go", stays: all},
		{name: "one that was missed", tree: golang, looked: run, missed: "exec /usr/local/go/bin/go", stays: all},
		{name: "one that the program runs", tree: join(golang, testimage.Tree{"/app/make.py": "file 0644 import subprocess\nsubprocess.run(['go', 'vet'])\n"}), looked: run, stays: all},
		{name: "a script that nothing names", tree: join(golang, script("go build\n")), looked: run, stays: "/app/tools/build.sh", goes: tool},
		{name: "a Makefile", tree: join(golang, testimage.Tree{"/app/Makefile": "file 0644 all:\n\tgo build\n"}), looked: run, goes: tool},
		{name: "a script that is run", tree: join(golang, script("go build\n")), looked: run + "exec /app/tools/build.sh", stays: all},
		{name: "a script that the program names", tree: join(golang, script("go build\n"), testimage.Tree{"/app/server": server + "/app/tools/build.sh\x00"}), looked: run, stays: all},
		{name: "Rust", tree: rust, looked: run, stays: "/app/server", goes: goes("toolchain of Rust", "/usr/local/rustup/toolchains/stable/bin/rustc")},
		{name: "crates", tree: rust, looked: run + "exec /usr/local/cargo/bin/sqlx", stays: "/usr/local/cargo/bin/sqlx", goes: goes("crates of Rust, compiled into programs", crate, "/usr/local/cargo/bin/cargo")},
		{name: "a package", tree: packaged, looked: run, stays: "/usr/share/tool/x", goes: goes("package not needed", "/usr/bin/rustc", "/usr/lib/rustlib/x/lib/libstd-1.rlib")},
		{name: "what cargo made on the way", tree: testimage.Tree{
			"/app/target/release/server": server, "/app/target/release/server.d": "file 0644 x", "/app/target/release/build/m-1/build-script-build": exe + amd64(""), "/app/target/release/build/m-1/build_script_build-1": exe + amd64(""),
			"/app/target/release/build/m-1/out/x.o": "file 0644 x", "/app/target/release/build/m-1/out/made.rs": "file 0644 x", "/app/target/release/build/m-1/out/table.bin": "file 0644 x", "/app/target/x86_64-unknown-linux-musl/release/deps/m.rmeta": "file 0644 x",
		}, looked: "exec /app/target/release/server", stays: "/app/target/release/build/m-1/out/table.bin", goes: goes("caches of build tools", "/app/target/release/server.d", "/app/target/release/build/m-1/build-script-build",
			"/app/target/release/build/m-1/build_script_build-1", "/app/target/release/build/m-1/out/x.o", "/app/target/release/build/m-1/out/made.rs", "/app/target/x86_64-unknown-linux-musl/release/deps/m.rmeta")},
		{name: "a library of Rust", tree: rust, looked: run + "open /usr/local/rustup/toolchains/stable/lib/libstd-1.so", stays: "/usr/local/rustup/toolchains/stable/lib/libstd-1.so"},
		{name: "cargo run", tree: rust, looked: "exec /usr/local/cargo/bin/cargo", stays: "/usr/local/rustup/toolchains/stable/bin/rustc /usr/local/rustup/toolchains/stable/lib/rustlib/x/lib/libstd-1.rlib " + crate},
	} {
		c.config = config
		t.Run(c.name, func(t *testing.T) { c.run(t) })
	}
}

// What a source of Go imports is no command, although some of the names are those of one; nor does a Dockerfile run in the image.
func TestNoCommands(t *testing.T) {
	source := "package main\n\nimport \"time\"\nimport (\n\t\"os/exec\"\n\tx \"strings\"\n\t\"sort\"\n)\n\nfunc main() { exec.Command(\"uptime\").Run() }\n"
	facts := closure.Distil("/app/main.go", int64(len(source)))([]byte(source))
	for word, want := range map[string]bool{"uptime": true, "strings": false, "sort": false, "time": false} {
		if got := slices.Contains(facts, "run "+word); got != want {
			t.Errorf("%s: got %v, want %v of %q", word, got, want, facts)
		}
	}
	if d := closure.Distil("/app/Dockerfile", 10); d != nil {
		if facts := d([]byte("FROM x\nENV PATH=/opt/x/bin\nRUN wget /opt/x/y && sh -c \"go build\"\n")); len(facts) > 0 {
			t.Errorf("a Dockerfile names %q", facts)
		}
	}
}

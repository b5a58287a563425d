package closure_test

import (
	"bytes"
	"compress/gzip"
	"compress/zlib"
	"encoding/binary"
	"io"
	"slices"
	"testing"

	"github.com/lighten/lighten/internal/closure"
)

// beam makes a module of Erlang's machine of its atoms and of terms, as the compiler writes it; OTP 28 writes lengths otherwise and compresses nothing.
func beam(t testing.TB, otp28 bool, atoms []string, terms ...string) []byte {
	t.Helper()
	var names, literals, all bytes.Buffer
	for _, a := range atoms {
		n := byte(len(a))
		if otp28 {
			n <<= 4
		}
		names.WriteByte(n)
		names.WriteString(a)
	}
	for _, s := range terms {
		literals.Write([]byte{131, 109})
		literals.Write(binary.BigEndian.AppendUint32(nil, uint32(len(s))))
		literals.WriteString(s)
	}
	table := make([]byte, 4)
	if otp28 {
		table = append(table, literals.Bytes()...)
	} else {
		binary.BigEndian.PutUint32(table, uint32(literals.Len()))
		var packed bytes.Buffer
		z := zlib.NewWriter(&packed)
		if _, err := z.Write(literals.Bytes()); err != nil || z.Close() != nil {
			t.Fatal(err)
		}
		table = append(table, packed.Bytes()...)
	}
	for _, c := range []struct {
		id   string
		data []byte
	}{{"AtU8", names.Bytes()}, {"LitT", table}} {
		all.WriteString(c.id)
		all.Write(binary.BigEndian.AppendUint32(nil, uint32(len(c.data))))
		all.Write(append(c.data, make([]byte, (4-len(c.data)%4)%4)...))
	}
	head := binary.BigEndian.AppendUint32([]byte("FOR1"), uint32(4+all.Len()))
	return append(append(head, "BEAM"...), all.Bytes()...)
}

func TestBeamCommands(t *testing.T) {
	const module = "/app/_build/prod/rel/shop/lib/shop-0.1.0/ebin/Elixir.Shop.beam"
	terms := []string{"curl", "--silent", "git log | head -1", "A text of git", "\x00who"}
	compress := func(b []byte) []byte {
		var w bytes.Buffer
		z := gzip.NewWriter(&w)
		if _, err := io.Copy(z, bytes.NewReader(b)); err != nil || z.Close() != nil {
			t.Fatal(err)
		}
		return w.Bytes()
	}
	for _, c := range []struct {
		name  string
		bytes []byte
		runs  bool
	}{
		{"System.cmd", beam(t, false, []string{"Elixir.Shop", "Elixir.System", "cmd"}, terms...), true},
		{"without a gap in compression", beam(t, true, []string{"Elixir.Shop", "Elixir.System", "cmd"}, terms...), true},
		{"compressed", compress(beam(t, false, []string{"shop", "erlang", "open_port"}, terms...)), true},
		{"no call", beam(t, false, []string{"Elixir.Shop", "cmdline"}, terms...), false},
		{"cut off", beam(t, false, []string{"shop", "cmd"}, terms...)[:50], true},
		{"nothing", []byte("FOR1"), false},
	} {
		facts := closure.Distil(module, int64(len(c.bytes)))(c.bytes)
		if got := slices.Contains(facts, "runs"); got != c.runs {
			t.Errorf("%s: it runs commands: got %v, want %v", c.name, got, c.runs)
		}
		if c.name == "cut off" {
			continue
		}
		for word, want := range map[string]bool{"curl": true, "git": true, "head": true, "A": false, "who": false} {
			if got := slices.Contains(facts, "run "+word); got != (want && c.runs) {
				t.Errorf("%s: %s: got %v, want %v of %q", c.name, word, got, want && c.runs, facts)
			}
		}
	}
	if closure.Distil("/usr/lib/erlang/lib/kernel-8.5/ebin/os.beam", 10) != nil {
		t.Error("the distribution's modules are read")
	}
}

// Sources of further languages name commands as those of others do.
func TestCommandsOfSources(t *testing.T) {
	for p, source := range map[string]string{
		"/app/lib/shop.ex": "def route(_), do: System.cmd(\"curl\", [\"--version\"])\n", "/app/src/shop.erl": "f() -> os:cmd(\"curl --version\").\n",
		"/app/app/Main.hs": "import System.Process\nmain = readProcess \"curl\" [\"--version\"] \"\" >>= putStr\n", "/app/bin/main.ml": "let () = exit (Sys.command \"curl --version\")\n",
		"/app/src/App.kts": "ProcessBuilder(\"curl\", \"--version\").start()\n", "/app/src/App.scala": "import sys.process._\nval s = Seq(\"curl\", \"--version\").!!\n",
		"/app/src/core.clj": "(ns x (:require [clojure.java.shell :refer [sh]]))\n(sh \"curl\" \"--version\")\n", "/app/Program.cs": "Process.Start(\"curl\", \"--version\");\n",
		"/app/x.nim": "discard execCmd(\"curl --version\")\n", "/app/x.cr": "Process.run(\"curl\", [\"--version\"])\n",
	} {
		facts := closure.Distil(p, int64(len(source)))
		if facts == nil || !slices.Contains(facts([]byte(source)), "run curl") {
			t.Errorf("%s names no command", p)
		}
	}
}

func FuzzBeam(f *testing.F) {
	f.Add(beam(f, false, []string{"Elixir.System", "cmd"}, "curl", "git log"))
	f.Add(beam(f, true, []string{"open_port"}, "curl", "git log"))
	f.Fuzz(func(_ *testing.T, b []byte) { closure.Distil("/app/x.beam", int64(len(b)))(b) })
}

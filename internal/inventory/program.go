package inventory

import (
	"compress/zlib"
	"debug/buildinfo"
	"debug/elf"
	"encoding/json"
	"io"
	"runtime/debug"
	"strings"
)

// examineProgram finds what compilers note in programs of the modules they were made from.
func examineProgram(r io.ReaderAt, _ int64) []string {
	f, err := elf.NewFile(r)
	if err != nil {
		return nil
	}
	if f.Section(".go.buildinfo") != nil {
		return encode(goModules(r))
	}
	if s := f.Section(".dep-v0"); s != nil {
		return encode(rustCrates(s.Open()))
	}
	return nil
}

// goModules reads the build information that the Go linker puts into every program: the main module, those it depends on, and
// the standard library, which is a module of its own to vulnerability databases.
func goModules(r io.ReaderAt) []record {
	info, err := buildinfo.Read(r)
	if err != nil {
		return nil
	}
	main := record{Kind: Go, Name: info.Main.Path, Version: goVersion(info.Main.Version), Main: true}
	if main.Name == "" {
		main.Name = info.Path // built without a module
	}
	if main.Name == "" {
		main.Name = "command-line-arguments"
	}
	all := []record{main, {Kind: Go, Name: "stdlib", Version: strings.TrimPrefix(info.GoVersion, "go")}}
	depends := []string{"stdlib"}
	for _, m := range info.Deps {
		m = replaced(m)
		all = append(all, record{Kind: Go, Name: m.Path, Version: goVersion(m.Version)})
		depends = append(depends, m.Path)
	}
	all[0].Depends = depends
	return all
}

// replaced is the module that was really taken.
func replaced(m *debug.Module) *debug.Module {
	for m.Replace != nil && m.Replace != m {
		m = m.Replace
	}
	return m
}

// goVersion leaves out what says nothing: the version of a module that was built from its own directory.
func goVersion(v string) string {
	if v == "(devel)" {
		return ""
	}
	return v
}

// maxAudit bounds the list of crates of a program, uncompressed.
const maxAudit = 8 << 20

// rustCrates reads the list that `cargo auditable` puts into a program (https://github.com/rust-secure-code/cargo-auditable,
// PARSING.md): JSON, compressed with zlib.
func rustCrates(r io.Reader) []record {
	z, err := zlib.NewReader(r)
	if err != nil {
		return nil
	}
	defer z.Close()
	var x struct {
		Packages []struct {
			Name    string `json:"name"`
			Version string `json:"version"`
			Kind    string `json:"kind"` // "build" for what runs while the program is built; else it is in the program
			Depends []int  `json:"dependencies"`
			Root    bool   `json:"root"`
		} `json:"packages"`
	}
	if json.NewDecoder(io.LimitReader(z, maxAudit)).Decode(&x) != nil {
		return nil
	}
	var all []record
	for _, p := range x.Packages {
		if p.Kind == "build" {
			continue
		}
		r := record{Kind: Cargo, Name: p.Name, Version: p.Version, Main: p.Root}
		for _, d := range p.Depends {
			if d >= 0 && d < len(x.Packages) && x.Packages[d].Kind != "build" {
				r.Depends = append(r.Depends, x.Packages[d].Name)
			}
		}
		all = append(all, r)
	}
	return all
}

package dockerfile_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/lighten/lighten/internal/dockerfile"
)

// show writes a script's commands, each with the source of its words.
func show(d *dockerfile.Document, sh *dockerfile.Shell) string {
	var out []string
	for _, c := range sh.Commands {
		words := []string{c.Name}
		if c.NameAt.Len() > 0 && c.Name != "" && d.Text(c.NameAt) != c.Name {
			words[0] += "<" + d.Text(c.NameAt) + ">"
		}
		for _, a := range c.Args {
			w := a.Value
			if src := d.Text(a.Range); src != w {
				w += "<" + src + ">"
			}
			if !a.Static {
				w = "~" + w
			}
			words = append(words, w)
		}
		for _, a := range c.Assigns {
			words = append(words, a.Name+":="+a.Value)
		}
		s := strings.Join(words, " ")
		if c.Nested {
			s = "(" + s + ")"
		}
		out = append(out, strings.TrimSpace(s+" "+c.Op))
	}
	return strings.Join(out, " | ")
}

func TestShell(t *testing.T) {
	tests := []struct{ name, src, want string }{
		{"list", "RUN a b && c 'd e' ; f || g", "a b && | c d e<'d e'> ; | f || | g"},
		{"continuations and comments", "RUN a \\\n  # why\n\n  --b \\\n  && c", "a --b && | c"},
		{"after flags", "RUN --mount=type=cache,target=/x \\\n --network=none a", "a"},
		{"quotes", `RUN a "b $C" "d\"e" f\ g 'h'"i" $J *.k`, `a ~"b $C" d"e<"d\"e"> f g<f\ g> hi<'h'"i"> ~$J ~*.k`},
		{"nested", "RUN (a; b) && if c; then d; fi && e $(f)", "(a) ; | (b) ; | (c) ; | (d) ; | e ~$(f) | (f) ;"},
		{"assignments", "RUN A=1 b && C=2", "b A:=1 && | C:=2"},
		{"quoted text over lines", "RUN python -c 'a; \\\nb' x", "python -c a; b<'a; \\\nb'> x"},
		{"here-document", "RUN <<EOF\na b\n# c\nd\nEOF", "a b ; | d"},
		{"chomped here-document", "RUN <<-EOF\n\ta b\n\t\td\n\tEOF", "a b ; | d"},
		{"bash", "SHELL [\"/bin/bash\", \"-c\"]\nRUN [[ -f x ]] && a", "a"},
		{"pipes and background", "RUN a | b & c", "a | | b & | c"},
		{"CRLF", "RUN a \\\r\n  b\r", "a b"},
		{"glued word", "RUN ap\\\nt-get x", "!glues two halves"},
		{"glued operator", "RUN a &\\\n& b", "!glues two halves"},
		{"exec form", `RUN ["a"]`, "!not run by a Unix shell"},
		{"another shell", "SHELL [\"powershell\"]\nRUN a", "!powershell"},
		{"interpreter", "RUN <<EOF\n#!/usr/bin/python\nx\nEOF", "!interpreter"},
		{"here-document behind a command", "RUN cat <<EOF\nx\nEOF", "!not supported"},
		{"syntax error", "RUN a && && b", "!line 2"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			d, err := dockerfile.Parse("Dockerfile", []byte("FROM x\n"+tt.src+"\n"))
			if err != nil {
				t.Fatal(err)
			}
			sh, err := d.Instructions[len(d.Instructions)-1].Shell()
			if part, wantErr := strings.CutPrefix(tt.want, "!"); wantErr {
				if err == nil || !strings.Contains(err.Error(), part) {
					t.Fatalf("error %v, want %q", err, part)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if got := show(d, sh); got != tt.want {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
		})
	}
}

func TestShellFollowsStages(t *testing.T) {
	d, err := dockerfile.Parse("Dockerfile", []byte("FROM x AS a\nSHELL [\"cmd\", \"/C\"]\nFROM a AS b\nRUN dir\nFROM x\nRUN ls\n"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := d.Stages[1].Instructions[0].Shell(); err == nil {
		t.Error("SHELL of the stage below is not seen")
	}
	if _, err := d.Stages[2].Instructions[0].Shell(); err != nil {
		t.Errorf("SHELL of another stage counts: %v", err)
	}
}

func TestExpand(t *testing.T) {
	d, err := dockerfile.Parse("Dockerfile", []byte(
		"ARG V=3.11\nARG IMG=python:${V}-slim\nFROM $IMG AS base\nARG V\nENV A=1 B=$V\nFROM base\nARG N=x${A}\nENV A=2\nRUN one\nENV A=3 C=\"q $B\"\n"))
	if err != nil {
		t.Fatal(err)
	}
	run := d.Final().Instructions[2]
	for _, tt := range [][2]string{
		{d.Expand(d.Stages[0].Base, nil), "python:3.11-slim"},
		{d.Expand("$A $B $C $V", d.Final()), "3 3.11 q 3.11 $V"},
		{run.Expand("$A $N ${UNKNOWN} ${UNKNOWN:-d}"), "2 x1 ${UNKNOWN} ${UNKNOWN:-d}"},
	} {
		if tt[0] != tt[1] {
			t.Errorf("got %q, want %q", tt[0], tt[1])
		}
	}
	d.BuildArgs = map[string]string{"V": "3.12"}
	if got := d.Expand(d.Stages[0].Base, nil) + fmt.Sprint(run.Env()["B"]); got != "python:3.12-slim3.12" {
		t.Errorf("with a build argument: %q", got)
	}
}

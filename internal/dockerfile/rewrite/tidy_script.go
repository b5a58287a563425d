package rewrite

import (
	"path"
	"slices"
	"strings"

	"mvdan.cc/sh/v3/syntax"

	"github.com/lighten/lighten/internal/dockerfile"
)

// A script is a RUN instruction whose commands are known.
type script struct {
	*dockerfile.Instruction
	sh       *dockerfile.Shell // nil for the exec form
	commands []dockerfile.Command
}

// scripts are the RUN instructions that end up in the image and whose script can be read.
func (p *tidyPass) scripts() []script {
	var out []script
	for _, i := range p.d.Instructions {
		if p.stages[i.Stage] {
			if s, ok := readScript(i); ok {
				out = append(out, s)
			}
		}
	}
	return out
}

func readScript(i *dockerfile.Instruction) (script, bool) {
	if i.Name != "RUN" {
		return script{}, false
	}
	if i.JSON && len(i.Args) > 0 {
		c := dockerfile.Command{Name: i.Args[0].Value, NameAt: i.Args[0].Range, Args: i.Args[1:], Range: i.ArgsRange}
		return script{i, nil, []dockerfile.Command{c}}, true
	}
	sh, err := i.Shell()
	if err != nil {
		return script{}, false
	}
	return script{i, sh, sh.Commands}, true
}

// insertAfter adds a word behind w, in the form that the instruction has.
func (s script) insertAfter(w dockerfile.Word, text, why string) dockerfile.Edit {
	if s.sh == nil {
		text = `, "` + text + `"`
	} else {
		text = " " + text
	}
	return dockerfile.Edit{Range: dockerfile.Range{Start: w.Range.End, End: w.Range.End}, New: text, Why: why}
}

// mounts reports whether a mount of the RUN has a target within or above dir, or one of no known place.
func (s script) mounts(dir string) bool {
	for _, f := range s.Flags {
		if f.Name != "mount" {
			continue
		}
		for _, field := range strings.Split(f.Value, ",") {
			key, value, _ := strings.Cut(field, "=")
			if k := strings.ToLower(key); k != "target" && k != "dst" && k != "destination" {
				continue
			}
			value = path.Clean(value)
			if strings.Contains(value, "$") || !path.IsAbs(value) || within(value, dir) || within(dir, value) {
				return true
			}
		}
	}
	return false
}

// hasCacheMount reports whether the RUN keeps any cache outside of the image.
func (s script) hasCacheMount() bool {
	return slices.ContainsFunc(s.Flags, func(f dockerfile.Flag) bool {
		return f.Name == "mount" && strings.Contains(strings.ToLower(f.Value), "type=cache")
	})
}

// within reports whether path p is dir or below it.
func within(p, dir string) bool {
	return p == dir || dir == "/" || strings.HasPrefix(p, dir+"/")
}

// subcommand is the first argument that is not an option: its index, or -1.
func subcommand(args []dockerfile.Word) int {
	return slices.IndexFunc(args, func(w dockerfile.Word) bool { return !strings.HasPrefix(w.Value, "-") })
}

func hasArg(args []dockerfile.Word, values ...string) bool {
	return slices.ContainsFunc(args, func(w dockerfile.Word) bool {
		return slices.ContainsFunc(values, func(v string) bool { return w.Value == v || strings.HasPrefix(w.Value, v+"=") })
	})
}

// does reports whether the command is name with that subcommand.
func does(c dockerfile.Command, name string, subs ...string) bool {
	if c.Name != name {
		return false
	}
	n := subcommand(c.Args)
	return n >= 0 && (len(subs) == 0 || slices.Contains(subs, c.Args[n].Value))
}

// statementEnd is the offset after the command with its redirections; -1 when nothing can be put there.
func (s script) statementEnd(c dockerfile.Command) int {
	end := c.Range.End
	for _, r := range c.Stmt.Redirs {
		if r.Hdoc != nil {
			return -1
		}
		end = max(end, s.sh.Range(r).End)
	}
	return end
}

// plain reports whether the command stands in a list at the top, such that "&& more" may follow it: no
// condition, pipe or background job is near.
func (s script) plain(n int) bool {
	c := s.commands[n]
	if s.sh == nil || c.Nested || c.Stmt == nil || c.Stmt.Negated || c.Stmt.Background {
		return false
	}
	if c.Op == "||" || c.Op == "|" || c.Op == "|&" || c.Op == "&" {
		return false
	}
	return n == 0 || !strings.HasPrefix(s.commands[n-1].Op, "|")
}

// appendCommand adds a command behind command n.
func (s script) appendCommand(n int, command, why string) ([]dockerfile.Edit, bool) {
	if !s.plain(n) {
		return nil, false
	}
	end := s.statementEnd(s.commands[n])
	if end < 0 {
		return nil, false
	}
	return []dockerfile.Edit{{Range: dockerfile.Range{Start: end, End: end}, New: s.separator() + command, Why: why}}, true
}

// separator is "&&" in the manner of the script: on a line of its own when it has several lines.
func (s script) separator() string {
	d := s.Document()
	text := d.Text(s.ArgsRange)
	if len(s.Heredocs) > 0 || !strings.Contains(text, "\n") {
		return " && "
	}
	return " " + string(d.Escape) + newline(d) + lineLead(text) + "&& "
}

// lineLead is the indentation of the script's further lines.
func lineLead(text string) string {
	for _, l := range strings.Split(text, "\n")[1:] {
		if trimmed := strings.TrimLeft(l, " \t"); strings.HasPrefix(trimmed, "&&") {
			return l[:len(l)-len(trimmed)]
		}
	}
	return "    "
}

// newline is the line end that the file uses.
func newline(d *dockerfile.Document) string {
	if strings.Contains(string(d.Source), "\r\n") {
		return "\r\n"
	}
	return "\n"
}

// runsUnknownProgram reports whether the script runs a file that may do anything, such as a script of the project.
func (s script) runsUnknownProgram() bool {
	return slices.ContainsFunc(s.commands, func(c dockerfile.Command) bool {
		switch c.Name {
		case "sh", "bash", "ash", "dash", "source", ".", "eval", "sudo", "xargs", "env":
			return true
		case "": // assignments alone, or a name that only the shell knows
			return c.NameAt.Len() > 0
		}
		return strings.Contains(c.Name, "/") || strings.HasSuffix(c.Name, ".sh")
	})
}

// later are the instructions behind i in the stages of the image.
func (p *tidyPass) later(i *dockerfile.Instruction) []*dockerfile.Instruction {
	at := slices.Index(p.d.Instructions, i)
	return slices.DeleteFunc(slices.Clone(p.d.Instructions[at+1:]), func(o *dockerfile.Instruction) bool { return !p.descends(o.Stage, i.Stage) })
}

// descends reports whether s is the stage base or built on it.
func (p *tidyPass) descends(s, base *dockerfile.Stage) bool {
	for ; s != nil; s = s.Parent {
		if s == base {
			return true
		}
	}
	return false
}

// redirects reports whether any command of the script writes to a file by redirection.
func (s script) redirects() bool {
	found := false
	if s.sh == nil {
		return false
	}
	syntax.Walk(s.sh.File, func(n syntax.Node) bool {
		if r, ok := n.(*syntax.Redirect); ok && r.Word != nil && r.Word.Lit() != "/dev/null" && r.Op != syntax.RdrIn && r.Op != syntax.DplOut {
			found = true
		}
		return true
	})
	return found
}

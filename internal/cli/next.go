package cli

import (
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"mvdan.cc/sh/v3/syntax"

	"github.com/lighten/lighten/internal/check"
	"github.com/lighten/lighten/internal/ladder"
)

func (b *buildFlags) name(res *ladder.Result) string {
	if b.out.tag != "" {
		return b.out.tag
	}
	abs, err := filepath.Abs(res.Report.Project)
	if err != nil {
		return "lightened"
	}
	n := strings.Trim(strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' {
			return r
		}
		return '-'
	}, strings.ToLower(filepath.Base(abs))), "-")
	if n == "" {
		return "lightened"
	}
	return n
}

// next are the commands that a user would type now.
func (b *buildFlags) next(c *cobra.Command, p *ladder.Project, res *ladder.Result) []string {
	var out []string
	n := b.name(res)
	if !b.out.load {
		out = append(out, "lighten build "+quote(p.Dir)+same(c)+" --load --tag "+n)
	}
	run := "docker run --rm"
	cf, err := res.Image(res.Report.Winner).ConfigFile()
	if err != nil {
		return out
	}
	ports := make([]string, 0, len(cf.Config.ExposedPorts))
	for port := range cf.Config.ExposedPorts {
		num, _, _ := strings.Cut(port, "/")
		ports = append(ports, num)
	}
	if f, err := check.Parse("the guess", []byte(res.Report.Checks.YAML)); len(ports) == 0 && err == nil { // it listens all the same
		for _, x := range f.Checks {
			if x.HTTP != nil && x.HTTP.Port > 0 {
				ports = append(ports, strconv.Itoa(x.HTTP.Port))
			}
		}
	}
	if len(ports) == 0 && p.Stack.CLI {
		run += " -i" // it may read standard input
	}
	slices.Sort(ports)
	for _, port := range slices.Compact(ports) {
		run += " -p " + port + ":" + port
	}
	return append(out, run+" "+n)
}

// ofResult are the flags that say what becomes of the result; all others decide what it is.
var ofResult = []string{"load", "tag", "output", "write", "format", "diff", "progress", "budget", "compression", "sbom", "no-cache", "wait", "jobs"}

// same are the flags of this run by which another one comes to the same image, less those that are named.
func same(c *cobra.Command, less ...string) string {
	var s strings.Builder
	c.Flags().Visit(func(f *pflag.Flag) {
		if slices.Contains(ofResult, f.Name) || slices.Contains(less, f.Name) {
			return
		}
		values := []string{f.Value.String()}
		if list, ok := f.Value.(pflag.SliceValue); ok {
			values = list.GetSlice()
		}
		if f.Value.Type() == "stringSlice" { // which reads commas
			values = []string{strings.Join(values, ",")}
		}
		for _, v := range values {
			s.WriteString(" --" + f.Name)
			if f.Value.Type() != "bool" {
				s.WriteString(" " + quote(v))
			} else if v != "true" {
				s.WriteString("=" + v)
			}
		}
	})
	return s.String()
}

var plainWord = regexp.MustCompile(`^[\w@%+=:,./-]+$`)

// quote is a word as a shell reads it back.
func quote(s string) string {
	if plainWord.MatchString(s) {
		return s
	}
	q, err := syntax.Quote(s, syntax.LangPOSIX)
	if err != nil {
		return s
	}
	return q
}

package ladder

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"

	"github.com/lighten/lighten/internal/dockerfile"
	"github.com/lighten/lighten/internal/dockerfile/ignore"
	"github.com/lighten/lighten/internal/report"
)

// ScanContext looks at what the build context holds, so that the candidates get a .dockerignore. What named says, such
// as the text of the checks, is not left out.
func (p *Project) ScanContext(named ...string) error {
	current, err := p.currentIgnore()
	if err != nil {
		return err
	}
	o := ignore.Options{Documents: []*dockerfile.Document{p.Doc}, Named: named}
	for _, n := range p.Siblings {
		src, err := os.ReadFile(n.File)
		if err != nil {
			continue // its candidate says so
		}
		if d, err := dockerfile.Parse(n.File, src); err == nil {
			o.Documents = append(o.Documents, d)
		}
	}
	if p.context, err = ignore.Scan(p.Dir, current, o); err != nil {
		return fmt.Errorf("reading the build context: %w", err)
	}
	if n := len(p.context.Unreadable); n > 0 {
		more := ""
		if n > 1 {
			more = fmt.Sprintf(" and %d more", n-1)
		}
		return fmt.Errorf("reading the build context: %s%s cannot be read by this user; leave it out with a line in .dockerignore, or change its mode",
			filepath.Join(p.Dir, p.context.Unreadable[0]), more)
	}
	return nil
}

// currentIgnore is the ignore file that BuildKit would read for the original.
func (p *Project) currentIgnore() ([]byte, error) {
	if b, err := p.readIgnore(p.File + ".dockerignore"); b != nil || err != nil {
		return b, err
	}
	return p.readIgnore(".dockerignore")
}

// readIgnore reads an ignore file of the project, nil when there is none. One that cannot be read is an error: what it
// would keep out may be secret.
func (p *Project) readIgnore(name string) ([]byte, error) {
	b, err := os.ReadFile(filepath.Join(p.Dir, name))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("reading what the build context leaves out: %w", err)
	}
	return b, nil
}

// missed names the files that the last lines of a program, or of a step, speak of, and that the project's own ignore file keeps out of the build.
func (p *Project) missed(log []string, whose string) ([]string, error) {
	current, err := p.currentIgnore()
	if err != nil {
		return nil, err
	}
	left, err := ignore.LeftOut(os.DirFS(p.Dir), current)
	if err != nil {
		return nil, err
	}
	var out []string
	for _, f := range left {
		name := regexp.MustCompile(`(^|[^\w.-])` + regexp.QuoteMeta(path.Base(f)) + `($|[^\w-])`)
		if slices.ContainsFunc(log, name.MatchString) {
			out = append(out, f+", which the "+whose+"'s last lines name, is in the project, and the .dockerignore keeps it out of the build")
		}
	}
	return out[:min(len(out), maxMissed)], nil
}

// maxMissed bounds how many files that are kept out are named.
const maxMissed = 5

// ignored tells whether a better .dockerignore was found.
func (p *Project) ignored() bool { return p.context != nil && len(p.context.Items) > 0 }

// ContextReport is what a better .dockerignore would keep out; nil when there is nothing to keep out.
func (p *Project) ContextReport() *report.Context {
	if !p.ignored() {
		return nil
	}
	c := &report.Context{Before: p.context.ContextBefore, After: p.context.ContextAfter, Text: string(p.context.Text)}
	for _, i := range p.context.Items {
		c.Items = append(c.Items, report.ContextItem{Pattern: i.Pattern, Why: i.Why, Files: i.Files, Bytes: i.Bytes})
	}
	return c
}

// Package ignore finds what a build context holds that no image needs, and
// writes a .dockerignore that leaves it out.
package ignore

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/moby/patternmatcher"
	"github.com/moby/patternmatcher/ignorefile"
	"golang.org/x/sys/unix"

	"github.com/lighten/lighten/internal/dockerfile"
)

// Options say what the build and its checks use.
type Options struct {
	// Documents are the Dockerfiles that the context is used with. What a COPY, ADD or bind mount of
	// theirs names stays.
	Documents []*dockerfile.Document
	// Named are further texts, such as the checks: a directory for tests or documentation that
	// one of them names stays.
	Named []string
}

// A Report is what Scan found.
type Report struct {
	Text  []byte // the complete .dockerignore; the lines there were come first, to the letter
	Items []Item // what the new lines leave out, in the order of Text
	// Kept are paths that would have been left out if the Dockerfile did not name them, secrets above all.
	Kept          []Kept
	ContextBefore int64 // bytes of the files that the lines there were let through
	ContextAfter  int64
	Unreadable    []string // files and directories that a build could not read, at most 1000
	EscapingLinks []string // symbolic links whose target is outside of the context, at most 1000
}

// An Item is a line of the .dockerignore.
type Item struct {
	Pattern string
	Group   string // the comment above it
	Why     string
	Files   int
	Bytes   int64
}

// A Kept is a path that stays because the build names it.
type Kept struct{ Path, Why string }

// maxListed bounds the lists of paths in a Report, and of places remembered for a pattern.
const maxListed = 1000

// Scan walks the context in dir, of which the lines in current (the .dockerignore there is; may be nil)
// already leave something out. It reads the names and sizes of files, follows no symbolic link, and
// opens only small regular files whose kind their first bytes must tell.
func Scan(dir string, current []byte, o Options) (*Report, error) {
	patterns, err := ignorefile.ReadAll(bytes.NewReader(current))
	if err != nil {
		return nil, fmt.Errorf("reading the .dockerignore: %w", err)
	}
	matcher, err := patternmatcher.New(patterns)
	if err != nil {
		return nil, fmt.Errorf("reading the .dockerignore: %w", err)
	}
	real, err := filepath.EvalSymlinks(dir)
	if err != nil {
		return nil, fmt.Errorf("reading the context %s: %w", dir, err)
	}
	root, err := os.OpenRoot(real)
	if err != nil {
		return nil, fmt.Errorf("reading the context %s: %w", dir, err)
	}
	defer root.Close()
	s := &scan{dir: real, root: root, matcher: matcher, report: &Report{}, found: map[string]*finding{}, clashes: map[string]bool{}}
	s.names = readNames(o, patterns, root)
	if err := s.walk("", patternmatcher.MatchInfo{}, nil); err != nil {
		return nil, fmt.Errorf("reading the context %s: %w", dir, err)
	}
	s.finish(current)
	return s.report, nil
}

type scan struct {
	dir     string
	root    *os.Root
	matcher *patternmatcher.PatternMatcher
	names   *names
	report  *Report
	found   map[string]*finding // by pattern
	clashes map[string]bool     // patterns that also match what must stay
}

// A finding is a pattern that would leave something out.
type finding struct {
	rule    *rule
	pattern string
	places  []place // what it matches, the first maxListed
	files   int
	bytes   int64
}

type place struct {
	path  string
	files int
	bytes int64
}

// walk reads the directory rel. within is the place that it lies in, when an enclosing directory is left out already.
func (s *scan) walk(rel string, parent patternmatcher.MatchInfo, within *place) error {
	entries, err := s.list(rel)
	if err != nil {
		if rel == "" {
			return err
		}
		s.unreadable(rel)
	}
	for _, e := range entries {
		if err := s.entry(path.Join(rel, e.Name()), e, entries, parent, within); err != nil {
			return err
		}
	}
	return nil
}

// list returns the sorted entries of a directory, those that could be read before an error included.
func (s *scan) list(rel string) ([]fs.DirEntry, error) {
	if rel == "" {
		rel = "."
	}
	info, err := s.root.Lstat(rel)
	if err != nil {
		return nil, err
	}
	if !info.IsDir() {
		return nil, fmt.Errorf("%s: not a directory", rel)
	}
	f, err := s.root.OpenFile(rel, os.O_RDONLY|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	entries, err := f.ReadDir(-1)
	slices.SortFunc(entries, func(a, b fs.DirEntry) int { return strings.Compare(a.Name(), b.Name()) })
	return entries, err
}

func (s *scan) entry(rel string, e fs.DirEntry, siblings []fs.DirEntry, parent patternmatcher.MatchInfo, within *place) error {
	ignored, info, err := s.matcher.MatchesUsingParentResults(rel, parent)
	if err != nil {
		return fmt.Errorf("matching %s: %w", rel, err)
	}
	if ignored && (!e.IsDir() || !s.matcher.Exclusions()) {
		return nil
	}
	here := within
	if !ignored && within == nil {
		if place, f := s.judge(rel, e, siblings); f != nil {
			here = place
			defer f.add(place)
		}
	}
	switch {
	case e.IsDir():
		return s.walk(rel, info, here)
	case e.Type()&fs.ModeSymlink != 0:
		s.link(rel)
	case e.Type().IsRegular():
		return s.file(rel, e, here)
	}
	return nil
}

// file counts a regular file.
func (s *scan) file(rel string, e fs.DirEntry, within *place) error {
	info, err := e.Info()
	if errors.Is(err, fs.ErrNotExist) {
		return nil // gone since the directory was read
	}
	if err != nil {
		s.unreadable(rel)
		return nil
	}
	s.report.ContextBefore += info.Size()
	if within != nil {
		within.files++
		within.bytes += info.Size()
		return nil // nobody will read it
	}
	if unix.Faccessat(unix.AT_FDCWD, filepath.Join(s.dir, filepath.FromSlash(rel)), unix.R_OK, unix.AT_EACCESS) != nil {
		s.unreadable(rel)
	}
	return nil
}

func (s *scan) unreadable(rel string) {
	if len(s.report.Unreadable) < maxListed {
		s.report.Unreadable = append(s.report.Unreadable, rel)
	}
}

// link notes a symbolic link that leads out of the context, by itself or by way of others.
func (s *scan) link(rel string) {
	if len(s.report.EscapingLinks) == maxListed {
		return
	}
	target, err := s.root.Readlink(rel)
	if err != nil {
		return
	}
	out := path.IsAbs(target) || !filepath.IsLocal(path.Join(path.Dir(rel), target))
	if !out {
		_, err := s.root.Stat(rel)
		out = err != nil && strings.Contains(err.Error(), "escapes")
	}
	if out {
		s.report.EscapingLinks = append(s.report.EscapingLinks, rel)
	}
}

// judge asks the rules whether the entry is something that no image needs.
func (s *scan) judge(rel string, e fs.DirEntry, siblings []fs.DirEntry) (*place, *finding) {
	c := &candidate{scan: s, path: rel, entry: e, siblings: siblings}
	for n := range rules {
		r := &rules[n]
		pattern := r.match(c)
		if pattern == "" {
			continue
		}
		if pattern == here {
			pattern = escape(rel)
		}
		f := s.found[pattern]
		if f == nil {
			f = &finding{rule: r, pattern: pattern}
			s.found[pattern] = f
		}
		if why := s.names.keeps(c, r); why != "" {
			s.clashes[pattern] = true
			if r.report && len(s.report.Kept) < maxListed {
				s.report.Kept = append(s.report.Kept, Kept{rel, why})
			}
			return nil, nil
		}
		if escape(rel) == "" {
			return nil, nil
		}
		return &place{path: rel}, f
	}
	for _, p := range anywhere {
		if ok, _ := path.Match(p, e.Name()); ok {
			s.clashes["**/"+p] = true
		}
	}
	return nil, nil
}

func (f *finding) add(p *place) {
	f.files += p.files
	f.bytes += p.bytes
	if len(f.places) == maxListed {
		return
	}
	f.places = append(f.places, *p)
}

// escape makes a pattern that matches the path alone; "" when no line of a .dockerignore can.
func escape(rel string) string {
	if strings.ContainsAny(rel, "\r\n") || strings.TrimSpace(rel) != rel || !bytes.Equal([]byte(rel), bytes.ToValidUTF8([]byte(rel), nil)) {
		return ""
	}
	var b strings.Builder
	for n, r := range rel {
		if strings.ContainsRune(`*?[\`, r) || n == 0 && (r == '#' || r == '!') {
			b.WriteByte('\\')
		}
		b.WriteRune(r)
	}
	return b.String()
}

// Package lazy holds regular expressions that are compiled when they are first used. Compiling the hundred that a package names takes
// milliseconds of each start of this program, which is started for every check of every image.
package lazy

import (
	"regexp"
	"sync"
)

// Pattern is a regular expression with the methods of [regexp.Regexp] that are asked for here. It may be used concurrently.
type Pattern struct{ get func() *regexp.Regexp }

// MustCompile is [regexp.MustCompile], which panics at the first use.
func MustCompile(expr string) *Pattern {
	return &Pattern{sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(expr) })}
}

// String is [regexp.Regexp.String].
func (p *Pattern) String() string { return p.get().String() }

// MatchString is [regexp.Regexp.MatchString].
func (p *Pattern) MatchString(s string) bool { return p.get().MatchString(s) }

// Match is [regexp.Regexp.Match].
func (p *Pattern) Match(b []byte) bool { return p.get().Match(b) }

// Find is [regexp.Regexp.Find].
func (p *Pattern) Find(b []byte) []byte { return p.get().Find(b) }

// FindString is [regexp.Regexp.FindString].
func (p *Pattern) FindString(s string) string { return p.get().FindString(s) }

// FindAll is [regexp.Regexp.FindAll].
func (p *Pattern) FindAll(b []byte, n int) [][]byte { return p.get().FindAll(b, n) }

// FindAllIndex is [regexp.Regexp.FindAllIndex].
func (p *Pattern) FindAllIndex(b []byte, n int) [][]int { return p.get().FindAllIndex(b, n) }

// FindSubmatch is [regexp.Regexp.FindSubmatch].
func (p *Pattern) FindSubmatch(b []byte) [][]byte { return p.get().FindSubmatch(b) }

// FindSubmatchIndex is [regexp.Regexp.FindSubmatchIndex].
func (p *Pattern) FindSubmatchIndex(b []byte) []int { return p.get().FindSubmatchIndex(b) }

// FindAllSubmatch is [regexp.Regexp.FindAllSubmatch].
func (p *Pattern) FindAllSubmatch(b []byte, n int) [][][]byte { return p.get().FindAllSubmatch(b, n) }

// FindStringSubmatch is [regexp.Regexp.FindStringSubmatch].
func (p *Pattern) FindStringSubmatch(s string) []string { return p.get().FindStringSubmatch(s) }

// ReplaceAllString is [regexp.Regexp.ReplaceAllString].
func (p *Pattern) ReplaceAllString(s, with string) string { return p.get().ReplaceAllString(s, with) }

// ReplaceAll is [regexp.Regexp.ReplaceAll].
func (p *Pattern) ReplaceAll(b, with []byte) []byte { return p.get().ReplaceAll(b, with) }

// FindAllStringSubmatchIndex is [regexp.Regexp.FindAllStringSubmatchIndex].
func (p *Pattern) FindAllStringSubmatchIndex(s string, n int) [][]int {
	return p.get().FindAllStringSubmatchIndex(s, n)
}

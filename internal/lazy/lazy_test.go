package lazy_test

import (
	"sync"
	"testing"

	"github.com/lighten/lighten/internal/lazy"
)

func TestPattern(t *testing.T) {
	p := lazy.MustCompile(`a(b*)`)
	var g sync.WaitGroup
	for range 8 {
		g.Go(func() {
			if !p.MatchString("xab") || p.Match([]byte("b")) || p.FindString("xabb") != "abb" || p.ReplaceAllString("xab", "-") != "x-" {
				t.Error("it does not do what regexp does")
			}
		})
	}
	g.Wait()
	if got := p.FindStringSubmatch("xabb"); len(got) != 2 || got[1] != "bb" {
		t.Errorf("got %q", got)
	}
	bad := lazy.MustCompile(`(`) // does not panic yet
	defer func() {
		if recover() == nil {
			t.Error("a wrong expression is not noticed")
		}
	}()
	bad.MatchString("")
}

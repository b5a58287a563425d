package image_test

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/lighten/lighten/internal/image"
)

func TestSortNames(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	for range 2000 {
		paths := map[string]bool{"/": true}
		for range rnd.IntN(60) {
			var b strings.Builder
			for range 1 + rnd.IntN(4) {
				b.WriteString("/" + strings.Repeat("x", rnd.IntN(12)) + string("\x00\x01-/ay\xff"[rnd.IntN(7)]))
			}
			paths[b.String()] = true
		}
		var want []string
		for p := range paths {
			want = append(want, p)
		}
		got := image.SortNames(want)
		slices.Sort(want)
		if !slices.Equal(got, want) {
			t.Fatalf("%q\nwant\n%q", got, want)
		}
	}
}

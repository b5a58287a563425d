package closure

import (
	"regexp/syntax"
	"testing"
)

// Whatever a row's expression takes has one of the row's signs: none is overlooked for want of one.
func TestDropSigns(t *testing.T) {
	for _, r := range dropTable {
		re, err := syntax.Parse(r.fits.String(), syntax.Perl)
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range forms(re) {
			if !r.maybe(s) {
				t.Errorf("%s: %q fits and has none of %q", r.name, s, r.signs)
			}
		}
	}
}

// anything stands for what an expression leaves open.
const anything = "\x00"

// forms are the texts that an expression takes.
func forms(re *syntax.Regexp) []string {
	switch re.Op {
	case syntax.OpLiteral:
		if re.Flags&syntax.FoldCase == 0 {
			return []string{string(re.Rune)}
		}
	case syntax.OpCharClass: // "apt|apk" is parsed as "ap[kt]"
		var all []string
		for i := 0; i+1 < len(re.Rune) && re.Rune[i+1]-re.Rune[i] < 4; i += 2 {
			for c := re.Rune[i]; c <= re.Rune[i+1]; c++ {
				all = append(all, string(c))
			}
			if i+2 == len(re.Rune) {
				return all
			}
		}
	case syntax.OpBeginText, syntax.OpEndText, syntax.OpEmptyMatch:
		return []string{""}
	case syntax.OpQuest:
		return append(forms(re.Sub[0]), "")
	case syntax.OpStar:
		return []string{"", anything}
	case syntax.OpCapture:
		return forms(re.Sub[0])
	case syntax.OpAlternate:
		var all []string
		for _, sub := range re.Sub {
			all = append(all, forms(sub)...)
		}
		return all
	case syntax.OpConcat:
		all := []string{""}
		for _, sub := range re.Sub {
			var longer []string
			for _, head := range all {
				for _, tail := range forms(sub) {
					longer = append(longer, head+tail)
				}
			}
			all = longer
		}
		return all
	}
	return []string{anything}
}

func BenchmarkDropRule(b *testing.B) {
	paths := []string{"/usr/local/lib/python3.11/site-packages/tensorflow/python/ops/array_ops.py", "/usr/share/doc/x/README", "/usr/lib/x86_64-linux-gnu/libssl.so.3", "/etc/hosts"}
	b.ReportAllocs()
	for b.Loop() {
		for _, p := range paths {
			DropRule(p)
		}
	}
}

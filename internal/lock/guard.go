package lock

import (
	"bytes"
	"cmp"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"path"
	"strings"

	"github.com/klauspost/compress/zstd"

	"github.com/lighten/lighten/internal/closure"
	"github.com/lighten/lighten/internal/image"
	"github.com/lighten/lighten/internal/inventory"
)

// Label is the label of a carved image's configuration that holds its [Guard].
const Label = "io.lighten.guard"

// Guard tells of every path of the original whether and why it stays or goes, once the original is not at hand.
type Guard struct {
	Lock     *File
	Losses   []Loss
	Holdings []Holding
}

// Loss is what one rule took away of one package.
type Loss struct {
	Rule        string
	Package     string   // "deb apt"; "" for what no package owns
	Directories []string // of which all went, and by that rule alone; sorted, none within another
	Files       []string // single paths, sorted
}

// Guard makes the guard of what k, which is what the lock says, keeps of an image.
func (f *File) Guard(k *closure.Keep, t *image.Tree, inv *inventory.Inventory) *Guard {
	g := &Guard{Lock: f}
	n := namesOf(inv)
	at := map[[2]string]*Loss{}
	for _, x := range fold(k, t, n) {
		c := [2]string{x.rule, x.pkg}
		if at[c] == nil {
			at[c] = &Loss{Rule: x.rule, Package: x.pkg}
		}
		if x.dir {
			at[c].Directories = append(at[c].Directories, x.path)
		} else {
			at[c].Files = append(at[c].Files, x.path)
		}
	}
	byName := map[string]*Loss{}
	for c, x := range at {
		byName[c[0]+"\x00"+c[1]] = x
	}
	for _, name := range sorted(byName) {
		g.Losses = append(g.Losses, *byName[name])
	}
	g.Holdings = f.holdings(k, t, n)
	return g
}

// fate is why a path went: a file, or a directory with all that lay in it.
type fate struct {
	path, rule, pkg string
	dir             bool
}

// plain is the rule that takes away whatever has such a path, and bytecode whose source is known; "" when it takes more than
// the path to tell. What went by it need not be remembered.
func plain(p string, known func(path string) bool) string {
	if r := closure.DropRule(p); r != "" {
		return r
	}
	if r := closure.DropRule(p + "/x"); r != "" { // what such a directory holds
		return r
	}
	if closure.IsBytecode(p) {
		if dir, name := module(p); known(path.Join(dir, name+".py")) {
			return closure.UnseenBytecode
		}
	}
	return ""
}

// known tells of the sources that stay, and of those that went and are remembered by name: what lies in a directory that stays.
func known(k *closure.Keep, t *image.Tree) func(path string) bool {
	return func(p string) bool {
		return k.Has(p) || t.Get(p) != nil && k.Has(path.Dir(p)) && plain(p, k.Has) == ""
	}
}

// fold lists what went and is to be remembered, a directory in one line when one rule took all of that. Of a directory whose
// files belonged to several packages none is named.
func fold(k *closure.Keep, t *image.Tree, n *naming) []fate {
	var list []fate
	gone := map[string]bool{} // directories that went in one line, and those that lie in them
	whole := wholes(k, t, n)
	known := known(k, t)
	for e := range t.All() {
		if k.Has(e.Path) {
			continue
		}
		if gone[path.Dir(e.Path)] {
			gone[e.Path] = e.IsDir()
			continue
		}
		f := fateOf(k, n, e)
		switch w := whole[e.Path]; {
		case !e.IsDir() && f.rule == plain(e.Path, known), e.IsDir() && !w.set && plain(e.Path, known) != "":
			continue
		case e.IsDir() && w.mixed:
			continue // what lies in it is told of by itself
		case e.IsDir():
			gone[e.Path] = true
			f.dir = true
			if w.set {
				f.rule, f.pkg = w.rule, w.pkg
			}
		}
		list = append(list, f)
	}
	return list
}

func fateOf(k *closure.Keep, n *naming, e *image.Entry) fate {
	f := fate{path: e.Path, rule: k.Rule(e.Path)}
	if e.IsDir() { // an empty one: else it has the rule of what lies in it
		f.rule = cmp.Or(closure.DropRule(e.Path), "never looked up")
	}
	if p, ok := k.Owner(e.Path); ok && !e.IsDir() {
		f.pkg = p.Ecosystem + " " + n.name(p)
	}
	return f
}

// wholeFate is what is common to all that lies below a directory that went.
type wholeFate struct {
	fate
	set   bool // something that is to be remembered lies below
	mixed bool // by several rules
}

func wholes(k *closure.Keep, t *image.Tree, n *naming) map[string]*wholeFate {
	all := map[string]*wholeFate{}
	known := known(k, t)
	for e := range t.All() {
		if k.Has(e.Path) {
			continue
		}
		if e.IsDir() {
			if all[e.Path] == nil {
				all[e.Path] = &wholeFate{}
			}
			continue
		}
		f := fateOf(k, n, e)
		if f.rule == plain(e.Path, known) {
			continue
		}
		for d := path.Dir(e.Path); !k.Has(d); d = path.Dir(d) {
			w := all[d]
			if w == nil {
				w = &wholeFate{}
				all[d] = w
			}
			switch {
			case !w.set:
				w.set, w.rule, w.pkg = true, f.rule, f.pkg
			case w.rule != f.rule:
				w.mixed = true
			case w.pkg != f.pkg:
				w.pkg = ""
			}
			if d == "/" {
				break
			}
		}
	}
	return all
}

const (
	separator = "\x00"
	guardForm = "2:" // version of the label's form; 1 had no holdings
	maxGuard  = 64 << 20
)

// Encode returns the guard as a label: the lock's text and what went, compressed.
func (g *Guard) Encode() (string, error) {
	var b bytes.Buffer
	f := *g.Lock
	f.Rules = nil // what went says more
	f.Image = ""  // the same image gives the same label, by whatever name or file it was asked for
	if err := f.Write(&b); err != nil {
		return "", err
	}
	b.WriteString(separator)
	for _, x := range g.Losses {
		fmt.Fprintf(&b, "%s %s\n", token(x.Rule), token(x.Package))
		writePaths(&b, x.Directories, x.Files)
	}
	for _, x := range g.Holdings {
		fmt.Fprintf(&b, "%s\n", token(x.Package))
		writePaths(&b, x.Directories, x.Files)
	}
	z, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedBestCompression), zstd.WithEncoderConcurrency(1))
	if err != nil {
		return "", err
	}
	return guardForm + base64.StdEncoding.EncodeToString(z.EncodeAll(b.Bytes(), nil)), z.Close()
}

// writePaths writes directories, and files with those of one directory in one line.
func writePaths(b *bytes.Buffer, dirs, files []string) {
	for _, d := range dirs {
		fmt.Fprintf(b, " %s/**\n", token(d))
	}
	dir := ""
	for i, f := range files {
		if d := path.Dir(f); d != dir || i == 0 {
			if dir = d; i > 0 {
				b.WriteString("\n")
			}
			fmt.Fprintf(b, " %s/:", token(d))
		}
		fmt.Fprintf(b, " %s", token(path.Base(f)))
	}
	if len(files) > 0 {
		b.WriteString("\n")
	}
}

// ParseGuard reads a label.
func ParseGuard(label string) (*Guard, error) {
	g, err := parseGuard(label)
	if err != nil {
		return nil, fmt.Errorf("reading the label %s: %w", Label, err)
	}
	return g, nil
}

func parseGuard(label string) (*Guard, error) {
	form, code, _ := strings.Cut(label, ":")
	if form+":" != guardForm && form != "1" {
		return nil, errors.New("its form is not known to this version of lighten")
	}
	packed, err := base64.StdEncoding.DecodeString(code)
	if err != nil {
		return nil, err
	}
	z, err := zstd.NewReader(bytes.NewReader(packed), zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(maxGuard))
	if err != nil {
		return nil, err
	}
	defer z.Close()
	b, err := io.ReadAll(io.LimitReader(z, maxGuard+1))
	if err != nil {
		return nil, err
	}
	if len(b) > maxGuard {
		return nil, fmt.Errorf("it holds more than %d bytes", maxGuard)
	}
	text, gone, ok := bytes.Cut(b, []byte(separator))
	if !ok {
		return nil, errors.New("it is cut off")
	}
	g := &Guard{}
	if g.Lock, err = Parse(Label, text); err != nil {
		return nil, err
	}
	n := 0
	for line := range strings.Lines(string(gone)) {
		n++
		if err := g.line(strings.TrimSuffix(line, "\n")); err != nil {
			return nil, &Error{Name: Label + " (dropped)", Line: n, Message: err.Error(), Source: line}
		}
	}
	return g, nil
}

func (g *Guard) line(s string) error {
	l, err := scan(strings.TrimPrefix(s, " "))
	if err != nil {
		return err
	}
	if !strings.HasPrefix(s, " ") {
		switch {
		case strings.Join(l.suffix, "") != "" || len(l.words) > 2 || len(l.words) == 2 && len(g.Holdings) > 0:
			return errors.New("want RULE PACKAGE, and after all of these PACKAGE alone")
		case len(l.words) == 2:
			g.Losses = append(g.Losses, Loss{Rule: l.words[0], Package: l.words[1]})
		default:
			g.Holdings = append(g.Holdings, Holding{Package: l.words[0]})
		}
		return nil
	}
	var dirs, files *[]string
	switch h, n := len(g.Holdings), len(g.Losses); {
	case h > 0:
		dirs, files = &g.Holdings[h-1].Directories, &g.Holdings[h-1].Files
	case n > 0:
		dirs, files = &g.Losses[n-1].Directories, &g.Losses[n-1].Files
	default:
		return errors.New("a path before a rule")
	}
	if err := absolute(l.words[0]); err != nil {
		return err
	}
	switch {
	case l.suffix[0] == "/**" && len(l.words) == 1:
		*dirs = append(*dirs, l.words[0])
		return nil
	case l.suffix[0] == "/:":
		for i, w := range l.words[1:] {
			if l.suffix[i+1] != "" || strings.Contains(w, "/") || w == "" {
				return errors.New("want names")
			}
			*files = append(*files, path.Join(l.words[0], w))
		}
		return nil
	}
	return errors.New("want DIRECTORY/** or DIRECTORY/: NAME…")
}

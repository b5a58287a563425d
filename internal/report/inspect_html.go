package report

import (
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"fmt"
	"html/template"
	"io"
	"io/fs"
	"strconv"
	"strings"
)

//go:embed page/page.html
var pageHTML string

//go:embed page/page.css
var pageStyle string

//go:embed page/*.js
var pageScripts embed.FS

// pageScript is the files of the script, in the order of their names, as one function: nothing of it is the page's.
var pageScript = func() string {
	names, err := fs.Glob(pageScripts, "page/*.js")
	if err != nil {
		panic(err) // the pattern is well formed
	}
	s := "'use strict';\n(() => {\n"
	for _, name := range names {
		text, err := pageScripts.ReadFile(name)
		if err != nil {
			panic(err) // it is in this program
		}
		s += string(text)
	}
	return s + "})();\n"
}()

// pageTemplate is the page. What is foreign goes through html/template's escaping and through clean.
var pageTemplate = template.Must(template.New("page").Funcs(template.FuncMap{
	"clean": Clean, "bytes": spacedBytes, "count": count, "grouped": grouped, "percent": percent,
	"short": func(digest string) string { return digest[:min(len(digest), len("sha256:")+12)] },
	"day":   func(created string) string { day, _, _ := strings.Cut(created, "T"); return day },
	"value": func(l InspectLimit, v float64) string { return l.value(v) },
}).Parse(pageHTML))

// page is what the template is filled with.
type page struct {
	*Inspect
	Policy   string // of the page: its own style and script, by their digests, and nothing else
	Style    template.CSS
	Script   template.JS
	Data     template.HTML // base64, which has no character that HTML knows
	Needless int64         // bytes of findings of class cost
	Useful   int64         // bytes that are neither hidden nor needless
}

// pagePart is a piece of the bar, in percent.
type pagePart struct {
	Class       string
	From, Share float64
}

// pageClass is the findings of one class.
type pageClass struct {
	Name, Title string
	Bytes       int64 // 0 where they may overlap
	Findings    []InspectFinding
}

// pageLayer is a layer with its bar, in percent of the largest layer.
type pageLayer struct {
	InspectLayer
	Seen, Gone float64
}

// HTML writes the report as one page that needs nothing else: no server, no other file. r must have its Files. The same
// report gives the same bytes, however long it took to make.
func (r *Inspect) HTML(w io.Writer) error {
	data, err := r.pageData()
	if err != nil {
		return fmt.Errorf("writing the page: %w", err)
	}
	p := page{Inspect: r, Policy: pagePolicy, Style: template.CSS(pageStyle), Script: template.JS(pageScript), Data: template.HTML(data)}
	for _, f := range r.Findings {
		if f.Class == "cost" {
			p.Needless += f.Bytes
		}
	}
	p.Useful = max(r.VisibleBytes-p.Needless, 0)
	if err := pageTemplate.Execute(w, p); err != nil {
		return fmt.Errorf("writing the page: %w", err)
	}
	return nil
}

// pagePolicy keeps whatever would get into the page from running, and the page from asking anybody anything.
var pagePolicy = "default-src 'none'; style-src " + policyDigest(pageStyle) + "; script-src " + policyDigest(pageScript) + "; base-uri 'none'; form-action 'none'"

// policyDigest is how a policy names a text (CSP level 3, section 2.3.1).
func policyDigest(text string) string {
	sum := sha256.Sum256([]byte(text))
	return "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
}

// Parts are the pieces of the bar that says where the bytes are.
func (p page) Parts() (parts []pagePart) {
	from := 0.0
	for _, x := range []struct {
		class string
		bytes int64
	}{{"useful", p.Useful}, {"needless", p.Needless}, {"hidden", p.WastedBytes}} {
		share := percentOf(x.bytes, p.DiskBytes)
		parts = append(parts, pagePart{x.class, from, share})
		from += share
	}
	return parts
}

// Classes are the findings, by class.
func (p page) Classes() (all []pageClass) {
	for _, c := range inspectClasses {
		x := pageClass{Name: c.name, Title: strings.ToUpper(c.title[:1]) + c.title[1:]}
		for _, f := range p.Findings {
			if f.Class == c.name {
				x.Findings = append(x.Findings, f)
				if c.name == "overlay" || c.name == "cost" {
					x.Bytes += f.Bytes
				}
			}
		}
		if len(x.Findings) > 0 {
			all = append(all, x)
		}
	}
	return all
}

// LayerRows are the layers with their bars.
func (p page) LayerRows() (all []pageLayer) {
	most := int64(0)
	for _, l := range p.Layers {
		most = max(most, l.DiskBytes)
	}
	for _, l := range p.Layers {
		all = append(all, pageLayer{l, percentOf(l.VisibleBytes, most), percentOf(l.HiddenBytes, most)})
	}
	return all
}

// percentOf is a share in hundredths of a percent's precision, so that bytes do not depend on a machine's arithmetic.
func percentOf(part, whole int64) float64 {
	if whole <= 0 {
		return 0
	}
	return float64(part*10000/whole) / 100
}

func percent(part, whole int64) string {
	if whole <= 0 {
		return "0 %"
	}
	return strconv.FormatFloat(float64(part)/float64(whole)*100, 'f', 1, 64) + " %"
}

// spacedBytes is a size with three digits that count, as the page's script prints them too.
func spacedBytes(n int64) string {
	v, unit := float64(n), "B"
	for _, next := range []string{"kB", "MB", "GB", "TB"} {
		if v < 999.5 {
			break
		}
		v, unit = v/1000, next
	}
	digits := 0
	if unit != "B" && v < 99.95 {
		digits = 1
		if v < 9.995 {
			digits = 2
		}
	}
	return strconv.FormatFloat(v, 'f', digits, 64) + "\u00a0" + unit
}

func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return grouped(n) + " " + what + "s"
}

// grouped is a number with a comma before every three digits, as the page's script prints it too.
func grouped(n int) string {
	s := strconv.Itoa(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

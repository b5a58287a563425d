package report_test

import (
	"bytes"
	"encoding/csv"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/lighten/lighten/internal/compare"
	"github.com/lighten/lighten/internal/report"
	"github.com/lighten/lighten/internal/vuln"
)

// hostile is text as an image could hold it: escape sequences, markup, a formula, and very long.
const hostile = "=cmd()|\x1b[31m<script>`*_[a](b)@x\u202e\n" + "long/long/long/long/long/long/long/long/long/long/long/long/long/long/long/long"

func hostileReport() *report.Compare {
	image := compare.Image{Name: hostile, Platform: hostile, PullBytes: 123456789, DiskBytes: 987654321, Files: 123456, Layers: []compare.Layer{{DiffID: "sha256:x", SharedBy: []int{}}}, Notes: []string{hostile},
		Packages: []compare.Package{{Ecosystem: "npm", Name: hostile, Version: hostile}}, Config: map[string]string{},
		Surface: compare.Surface{User: hostile, Libc: "glibc 2.36", Ports: []string{hostile}, Setuid: []string{hostile}}, Vulnerabilities: []vuln.Vulnerability{{ID: hostile}}}
	change := []compare.Change{{Key: "env X", Before: hostile, After: hostile}}
	return &report.Compare{
		Schema: report.CompareSchema, VulnDB: "x", Held: []string{"x"}, Images: []compare.Image{image, image},
		Pairs: []compare.Pair{{From: 1, To: 2, PullBytes: 123456789, DiskBytes: -987654321, Config: change, Surface: change,
			Packages:        []compare.PackageChange{{Ecosystem: "npm", Name: hostile, What: compare.Changed, Before: []string{hostile}, After: []string{hostile}, Bytes: -123456789}},
			Vulnerabilities: &compare.Vulnerabilities{Added: []vuln.Vulnerability{{ID: hostile, Package: hostile, Version: hostile, Fixed: hostile}}, Removed: []vuln.Vulnerability{{ID: "CVE-2024-12345"}}},
			Files: &compare.Files{Added: compare.Amount{Paths: 1, Bytes: 5}, List: []compare.File{
				{Path: "/" + hostile, What: compare.Added, After: "file " + hostile, Bytes: 123456789, Package: hostile}, {Path: "/x", What: compare.Changed, Fields: []string{"content", "mode", "owner", "capabilities"}, Bytes: -1}}}}},
		Growth: []compare.Judged{{Growth: compare.Growth{What: "pull"}, From: 1, To: 2, Before: 1, After: 2, Limit: 1, Over: true}},
	}
}

func TestCompareIsSafeAndNarrow(t *testing.T) {
	for _, format := range report.CompareFormats {
		var b bytes.Buffer
		if err := hostileReport().Write(&b, format, 0); err != nil {
			t.Fatal(err)
		}
		out := b.String()
		if strings.Contains(out, "\x1b") || format != "json" && strings.Contains(out, "\u202e") {
			t.Errorf("%s: a control character comes through:\n%q", format, out)
		}
		switch format {
		case "table":
			for line := range strings.Lines(out) {
				if n := utf8.RuneCountInString(strings.TrimSuffix(line, "\n")); n > 100 {
					t.Errorf("a line of %d columns: %s", n, line)
				}
			}
		case "markdown":
			if strings.Contains(out, "<script>") || strings.Contains(out, "[a](b)") || strings.Contains(out, " @x") {
				t.Errorf("markup comes through:\n%s", out)
			}
		case "csv":
			rows, err := csv.NewReader(strings.NewReader(out)).ReadAll()
			if err != nil {
				t.Fatal(err)
			}
			for _, row := range rows {
				for _, cell := range row {
					if strings.HasPrefix(cell, "=") {
						t.Errorf("a formula comes through: %q", cell)
					}
				}
			}
		case "json":
			again, err := report.ReadCompare(strings.NewReader(out))
			if err != nil || again.Images[0].Name != hostile || !again.Over() {
				t.Errorf("read again: %v, %+v", err, again)
			}
		}
	}
}

func FuzzReadCompare(f *testing.F) {
	var b bytes.Buffer
	if err := hostileReport().Write(&b, "json", 0); err != nil {
		f.Fatal(err)
	}
	f.Add(b.Bytes())
	f.Add([]byte(`{"schema": "lighten.compare/v1", "earlier": 7, "images": [{"name": "a", "layers": [{"shared_by": [9]}]}]}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		c, err := report.ReadCompare(bytes.NewReader(b))
		if err != nil {
			return
		}
		if len(c.Images) == 0 || c.Earlier < 0 || c.Earlier >= len(c.Images) {
			t.Errorf("%d images, of which %d are earlier ones", len(c.Images), c.Earlier)
		}
	})
}

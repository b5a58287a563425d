package closure

import (
	"path"
	"strings"

	"github.com/lighten/lighten/internal/image"
	"github.com/lighten/lighten/internal/lazy"
)

// gemDir is where a gem of the distribution lies by itself, and vendorDir where all other packages of Ruby put their modules.
var gemDir = lazy.MustCompile(`^/(?:usr|var)/[^\n]*/gems/[^/]+-[0-9][^/]*/`)

const vendorDir = "/usr/lib/ruby/vendor_ruby/"

// gems keeps, at the level tight, what Ruby may load of a gem of which a source was read or was missed: most gems load their sources when a request
// first names what is in them (autoload), by names that they make. All of Rails' are 1 MB to pull.
func gems(m *maker, e *image.Entry, s strength) {
	if m.Level != Tight || s != strong || !m.read[e.Path] && !m.missed[e.Path] || path.Ext(e.Path) != ".rb" || !m.ownedBySystem(e.Path) {
		return
	}
	r := Reason{Rule: "gem", By: e.Path, Note: "what the gem may load by itself"}
	if dir := gemDir.FindString(e.Path); dir != "" {
		if m.once("gem", dir) {
			for _, part := range []string{"lib/", "app/"} {
				for x := range m.Tree.Under(dir + part) {
					m.along(x, weak, r)
				}
			}
		}
		return
	}
	if o := m.keep.owner[e.Path]; strings.HasPrefix(e.Path, vendorDir) && m.once("gem", o.key) {
		for _, x := range o.files {
			if strings.HasPrefix(x.Path, vendorDir) {
				m.along(x, weak, r)
			}
		}
	}
}

// gemRecord is by which Ruby's manager of gems knows one: its specification, and that its compiled part was made.
var gemRecord = lazy.MustCompile(`/rubygems-integration/[^/]+/(?:specifications/[^/]+\.gemspec|extensions/.*/gem\.build_complete)$`)

// gemsFor keeps the records of a gem of the distribution that something asks for, and those of the gems that its package depends on: Ruby refuses a gem
// whose specification names one that is not there, even if its modules are never asked for.
func (m *maker) gemsFor(e *image.Entry, s strength) {
	o := m.keep.owner[e.Path]
	if o == nil || !m.once("gems for", o.key) {
		return
	}
	for _, f := range o.files {
		if gemRecord.MatchString(f.Path) {
			m.enter(f, s, Reason{Rule: "gem", By: e.Path, Note: "its specification"})
		}
	}
	for _, d := range o.Depends {
		for _, needed := range m.systemPackages()[o.Ecosystem+" "+d] {
			for _, f := range needed.files {
				if gemRecord.MatchString(f.Path) {
					m.enter(f, s, Reason{Rule: "gem", By: e.Path, Note: "it depends on the gem of " + d})
					m.gemsFor(f, s)
				}
			}
		}
	}
}

package closure

import (
	"bytes"
	"path"
	"slices"
	"strings"

	"github.com/lighten/lighten/internal/image"
	"github.com/lighten/lighten/internal/lazy"
)

// factAsks is a module that a source asks for by its name, in a language whose modules lie in packages of their own: "asks R ggplot2". factOffers
// is one that an index of modules has: "offers tcl json".
const factAsks, factOffers = "asks ", "offers "

// asking is a language in which a program may ask for a module long after it started: in a function, for one request. Python, Perl and Node
// have rules of their own.
type asking struct {
	name     string
	suffixes []string      // of its sources
	comment  string        // begins one
	request  *lazy.Pattern // a group that matches is a module's name
	byNames  string        // a source with this asks by names that stand elsewhere in it
	module   *lazy.Pattern // path of a module; the group is its name, with slashes
	within   string        // between the parts of a name
	beside   *lazy.Pattern // the group is a module's path from the directory of the source that asks; nil: there are none
	given    *lazy.Pattern // where a script of a shell gives code of the language; nil: it is not looked for
}

var askings = []asking{
	{
		name: "R", suffixes: []string{".R", ".r", ".Rmd", ".qmd"}, comment: "#", within: ".", byNames: "character.only",
		request: lazy.MustCompile(`\b(?:library|require|requireNamespace|loadNamespace|attachNamespace)\s*\(\s*["']?([A-Za-z][A-Za-z0-9.]*)|\b([A-Za-z][A-Za-z0-9.]*):::?[A-Za-z._]`),
		module:  rDescription,
	},
	{
		name: "lua", suffixes: []string{".lua"}, comment: "--", within: ".",
		request: lazy.MustCompile(`\brequire\s*[(,]?\s*(?:["']|\[\[)([A-Za-z_][\w.-]*)`),
		module:  luaModule,
	},
	{
		name: "tcl", suffixes: []string{".tcl", ".tm"}, comment: "#", within: "::",
		request: lazy.MustCompile(`\bpackage\s+require\s+(?:-exact\s+)?([A-Za-z_][\w:]*)`),
		module:  lazy.MustCompile(`/tcl8/[^/]+/(.+)-[0-9][^/]*\.tm$`),
	},
	{
		name: "guile", suffixes: []string{".scm"}, comment: ";", within: " ",
		request: lazy.MustCompile(`\(([a-z][\w.-]*(?: [a-z][\w.-]*)*)\)`),
		module:  lazy.MustCompile(`/guile/(?:site/)?[23]\.[0-9]/(?:site-ccache/)?(.+)\.(?:scm|go)$`),
	},
	{
		name: "lisp", suffixes: []string{".lisp", ".cl", ".asd"}, comment: ";", within: "/",
		request: lazy.MustCompile(`(?i)(?:load-system|quickload|require)\s+['#]?[:"]([a-z][\w.+-]*)`),
		module:  lazy.MustCompile(`/common-lisp/systems/([^/]+)\.asd$`),
	},
	{
		name: "php", suffixes: []string{".php", ".phtml", ".inc"}, comment: "//", within: "/",
		request: lazy.MustCompile(`\b(?:require|include)(?:_once)?\s*\(?\s*["']([A-Za-z][\w./-]*\.php)["']`),
		beside:  lazy.MustCompile(`\b(?:require|include)(?:_once)?\s*\(?\s*__DIR__\s*\.\s*["'](/[\w./-]+\.php)["']`),
		module:  phpModule,
	},
	{
		name: "ruby", suffixes: []string{".rb", ".ru", ".rake"}, comment: "#", within: "/",
		request: lazy.MustCompile(`\brequire\s*\(?\s*["']([A-Za-z][\w/.-]*?)(?:\.rb)?["']`),
		module:  rubyModule,
		given:   lazy.MustCompile(`\bruby\b[^\n]*(?:<<|\s-\w*[er])`), // in a here-document, behind -e or -r
	},
}

var (
	// rDescription is what says of an installed package of R what it needs (Writing R Extensions, 1.1.1).
	rDescription = lazy.MustCompile(`/R/(?:site-)?library/([^/]+)/DESCRIPTION$`)
	rDepends     = lazy.MustCompile(`(?m)^(?:Depends|Imports):((?:.*\n)(?:[ \t].*\n?)*)`)
	rName        = lazy.MustCompile(`(?:^|,)\s*([A-Za-z][A-Za-z0-9.]*)`)
	luaModule    = lazy.MustCompile(`/(?:lua/5\.[0-9]|luajit-2\.[0-9.]+|lualib)/(.+?)(?:/init)?\.(?:lua|so)$`)

	// include_path, as Debian and PEAR set it
	phpModule = lazy.MustCompile(`^/usr/(?:local/)?(?:share|lib)/(?:php|pear)/(.+\.php)$`)
	// of Debian's packages
	rubyModule = lazy.MustCompile(`^/usr/(?:lib/ruby/vendor_ruby(?:/[0-9][0-9.]*)?|lib/[^/]+/ruby/vendor_ruby/[0-9][0-9.]*|(?:share|lib/[^/]+)/rubygems-integration/[^/]+/gems/[^/]+/lib)/(.+)\.(?:rb|so)$`)

	tclIfNeeded = lazy.MustCompile(`\bpackage\s+ifneeded\s+([A-Za-z_][\w:]*)`)
)

// tclIndex tells what says where the modules of a directory are (pkg_mkIndex(3tcl)).
func tclIndex(p string) bool { return path.Base(p) == "pkgIndex.tcl" }

// asks tells what [askFacts] finds something in: sources, the program's and the modules' own, and what says of modules what they need.
func asks(p string) bool {
	ext := path.Ext(p)
	return ext == "" && path.Base(p) == "DESCRIPTION" && rDescription.MatchString(p) || ext == ".lua" && luaModule.MatchString(p) || ext == ".rb" && rubyModule.MatchString(p) || tclIndex(p) || autoloader(p)
}

// autoloader tells the source of a library of PHP that loads its classes when they are used, and asks for those of the libraries that it needs.
func autoloader(p string) bool {
	return path.Base(p) == "autoload.php" && phpModule.MatchString(p)
}

// askFacts finds the modules that a source asks for, and those that an index offers.
func askFacts(p string, b []byte, facts map[string]bool) {
	switch {
	case path.Base(p) == "DESCRIPTION":
		for _, field := range rDepends.FindAllSubmatch(b, -1) {
			for _, n := range rName.FindAllSubmatch(field[1], -1) {
				addAsked(factAsks+"R ", n[1], facts)
			}
		}
		return
	case tclIndex(p):
		for _, n := range tclIfNeeded.FindAllSubmatch(b, -1) {
			addAsked(factOffers+"tcl ", n[1], facts)
		}
		return
	}
	for _, l := range askings {
		if !slices.Contains(l.suffixes, path.Ext(p)) && !l.interprets(b) {
			continue
		}
		byNames := l.byNames != "" && bytes.Contains(b, []byte(l.byNames))
		for line := range bytes.Lines(b) {
			if line = bytes.TrimSpace(line); bytes.HasPrefix(line, []byte(l.comment)) {
				continue
			}
			for _, m := range l.request.FindAllSubmatch(line, -1) {
				for _, name := range m[1:] {
					addAsked(factAsks+l.name+" ", name, facts)
				}
			}
			for _, m := range l.besides(line) {
				if g := l.module.FindStringSubmatch(path.Join(path.Dir(p), string(m[1]))); g != nil {
					addAsked(factAsks+l.name+" ", []byte(strings.ReplaceAll(g[1], "/", l.within)), facts)
				}
			}
			if byNames {
				for _, q := range quoted.FindAll(line, -1) {
					addAsked(factAsks+l.name+" ", q[1:len(q)-1], facts)
				}
			}
		}
	}
}

func (l asking) besides(line []byte) [][][]byte {
	if l.beside == nil {
		return nil
	}
	return l.beside.FindAllSubmatch(line, -1)
}

// interprets tells a script of the language that has no suffix: #!/usr/bin/env Rscript, #!/usr/bin/lua5.4, #!/usr/bin/tclsh. Settings of
// nginx have blocks of Lua in them.
func (l asking) interprets(b []byte) bool {
	if l.name == "lua" && bytes.Contains(b, []byte("_by_lua_block")) {
		return true
	}
	line, _, _ := bytes.Cut(b[:min(len(b), 128)], []byte("\n"))
	if !bytes.HasPrefix(line, []byte("#!")) {
		return false
	}
	if l.given != nil && bytes.HasSuffix(line, []byte("sh")) {
		return l.given.Match(b)
	}
	return bytes.Contains(line, []byte("/"+l.name)) || bytes.Contains(line, []byte(" "+l.name))
}

func addAsked(fact string, name []byte, facts map[string]bool) {
	if len(name) > 0 && len(name) <= 64 && len(facts) < maxLiterals {
		facts[fact+string(name)] = true
	}
}

// askedModules keeps the modules that a source asks for, wherever they were installed: at the level safe with their whole packages. A module of
// the distribution that came along asks for its own.
func askedModules(m *maker, e *image.Entry, s strength) {
	if o := m.keep.owner[e.Path]; o != nil && o.read && rubyModule.MatchString(e.Path) {
		return // it has asked for what it needs; much else it can do without
	}
	for _, f := range m.facts(e) {
		rest, ok := strings.CutPrefix(f, factAsks)
		if !ok {
			continue
		}
		offered := m.offered()[rest]
		if root, _, within := strings.Cut(rest, "."); len(offered) == 0 && within && strings.HasPrefix(rest, "lua ") {
			offered = m.offered()[root] // a library in C may hold the modules below its name (package.searchers)
		}
		for _, x := range offered {
			language, name, _ := strings.Cut(rest, " ")
			r := Reason{Rule: "module", By: e.Path, Note: "it asks for " + name}
			if m.Level == Safe {
				s = strong
			}
			m.enter(x, s, r)
			if language == "ruby" {
				m.gemsFor(x, s)
			}
			if language == "R" || tclIndex(x.Path) || autoloader(x.Path) {
				m.below(path.Dir(x.Path), weak, r)
			}
		}
	}
}

// offered are the modules that the image has, by language and name, such as "lua socket.url".
func (m *maker) offered() map[string][]*image.Entry {
	if m.offers != nil {
		return m.offers
	}
	m.offers = map[string][]*image.Entry{}
	for e := range m.Tree.All() {
		if !e.IsFile() && e.Type != symlink {
			continue
		}
		for _, l := range askings {
			if g := l.module.FindStringSubmatch(e.Path); g != nil {
				key := l.name + " " + strings.ReplaceAll(g[1], "/", l.within)
				m.offers[key] = append(m.offers[key], e)
			}
		}
		if tclIndex(e.Path) {
			for _, f := range e.Facts {
				if key, ok := strings.CutPrefix(f, factOffers); ok {
					m.offers[key] = append(m.offers[key], e)
				}
			}
		}
	}
	return m.offers
}

// Package needless tells by its place what a program does not read while it runs: documentation, headers, debug
// information and the like. A kind is a value; what to do about it is for others to say.
package needless

// Kind is a kind of files, told by patterns of their paths (see [Glob]).
type Kind struct {
	Name  string
	Globs []string
	But   []string // what is none of it nevertheless
}

// The kinds.
var (
	Documentation = Kind{Name: "documentation", Globs: []string{"/usr/{,local/}share/{doc,doc-base,gtk-doc,help,examples}/**"},
		But: []string{"**/copyright"}} // licences ask to go with the program
	Licences = Kind{Name: "documentation", Globs: []string{"/usr/{,local/}share/{common-licenses,lintian,bug,reportbug,linda}/**"},
		But: []string{"**/copyright"}}
	ManPages     = Kind{Name: "man pages", Globs: []string{"/usr/{,local/}{,share/}{man,info}/**"}}
	Translations = Kind{Name: "translations of messages", Globs: []string{"/usr/{,local/}share/locale/**"}}
	Locales      = Kind{Name: "locales", Globs: []string{"/usr/lib/locale/**", "/usr/share/i18n/**"}, But: []string{"/usr/lib/locale/C.*/**", "/usr/lib/locale/C.*"}}
	Headers      = Kind{Name: "headers", Globs: []string{"/usr/{,local/}include/**"}}
	Static       = Kind{Name: "static libraries", Globs: []string{"/{,usr/,local/,usr/local/}{lib,lib64,lib/*}/*.{a,la,o}"}}
	BuildFiles   = Kind{Name: "files for building", Globs: []string{"**/pkgconfig/*.pc", "/usr/{,local/}{share,lib,lib/*}/cmake/**", "**/share/aclocal/**", "**/*.{gir,vapi}"}}
	Debug        = Kind{Name: "debug information", Globs: []string{"/usr/lib/debug/**", "/usr/share/gdb/**", "**/*.debug"}}
	VCS          = Kind{Name: "version control", Globs: []string{"**/.{git,hg,svn}/**", "**/.{git,hg,svn}"}}
	Logs         = Kind{Name: "log files", Globs: []string{"/var/log/**"}}
)

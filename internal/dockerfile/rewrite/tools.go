package rewrite

import (
	"fmt"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/lighten/lighten/internal/dockerfile"
	"github.com/lighten/lighten/internal/lazy"
)

// fullTools are commands that the full images have and the slim ones lack, with their packages. Source: the Dockerfiles of buildpack-deps.
var fullTools = map[string]string{
	"autoconf": "autoconf", "automake": "automake", "bzip2": "bzip2", "cc": "gcc", "convert": "imagemagick", "curl": "curl", "file": "file", "g++": "g++",
	"gcc": "gcc", "git": "git", "gpg": "gnupg", "hg": "mercurial", "identify": "imagemagick", "make": "make", "patch": "patch", "pkg-config": "pkgconf",
	"ps": "procps", "scp": "openssh-client", "ssh": "openssh-client", "ssh-keyscan": "openssh-client", "svn": "subversion", "unzip": "unzip", "wget": "wget",
	"xz": "xz-utils",
}

// toolsOf are the packages of the full base whose commands the final stage runs, when it gets another one, and why each is named.
// A step that hides its failure would leave them out in silence.
func (r *recipe) toolsOf(base string) (pkgs, notes []string) {
	if !fullImage.MatchString(strings.TrimPrefix(strings.TrimPrefix(r.base, "docker.io/"), "library/")) || base == r.base {
		return nil, nil
	}
	_, named := r.system()
	for _, s := range r.steps {
		for _, c := range commandsOf(s.Instruction) {
			p := fullTools[c.Name]
			if len(s.pip)+len(s.packages) > 0 && len(s.rest) == 0 || p == "" || slices.Contains(pkgs, p) || slices.Contains(named, p) {
				continue
			}
			pkgs = append(pkgs, p)
			if p == "gcc" {
				pkgs = append(pkgs, "libc6-dev") // without it, nothing is compiled
			}
			notes = append(notes, fmt.Sprintf("line %d runs %s, which %s does not have: installed", s.Line, c.Name, base))
		}
	}
	return pkgs, notes
}

// bashName finds bash as a command, by its path too.
var bashName = lazy.MustCompile(`(^|[\s"'/&|;(\[])bash["'\s]`)

var bashScript = lazy.MustCompile(`^#!\s*\S*(/bash|/env\s+bash)\b`)

// wantsBash tells whether bash runs something, which Alpine does not have: a step, or a script of the context that one names.
func (r *recipe) wantsBash(context fs.FS) bool {
	var text strings.Builder
	for _, s := range r.steps {
		if slices.Contains([]string{"SHELL", "RUN", "CMD", "ENTRYPOINT", "HEALTHCHECK"}, s.Name) {
			text.WriteString(s.Document().Text(s.Range) + "\n")
		}
	}
	return bashName.MatchString(text.String()) || startsScript(text.String(), context, bashScript.Match)
}

// startsScript tells whether commands name a script of the context that is as sought; where the context is not known, none is.
func startsScript(commands string, context fs.FS, sought func(src []byte) bool) bool {
	found := false
	if context != nil {
		eachFile(context, func(name string, src []byte) bool {
			found = sought(src) && strings.Contains(commands, path.Base(name))
			return !found
		})
	}
	return found
}

// commandsOf are the commands of an instruction that a shell runs.
func commandsOf(i *dockerfile.Instruction) []dockerfile.Command {
	if i.Name == "RUN" {
		x, _ := readScript(i)
		return x.commands
	}
	if sh, err := i.Shell(); err == nil {
		return sh.Commands
	}
	return nil
}

// Bounds of what is read of the context to find out who names a tool.
const (
	maxNaming = 2000
	maxNamed  = 256 << 10
)

// names tells whether a file of the context, which may be of use in the image or beside it, has the word; also where that cannot be found out.
func names(context fs.FS, word string) bool {
	if context == nil {
		return true
	}
	re, found := regexp.MustCompile(`\b`+regexp.QuoteMeta(word)+`\b`), false
	whole := eachFile(context, func(name string, src []byte) bool {
		found = re.Match(src)
		return !found
	})
	return found || !whole
}

// eachFile reads the files of the context that may be of use in the image or beside it, until visit returns false. It returns false
// when one was not read, for it cannot be, or is too large, or they are too many.
func eachFile(context fs.FS, visit func(name string, src []byte) bool) (whole bool) {
	left := maxNaming
	whole = true
	err := fs.WalkDir(context, ".", func(name string, e fs.DirEntry, err error) error {
		base := path.Base(name)
		switch {
		case err != nil:
			return err
		case e.IsDir() && name != "." && strings.HasPrefix(base, "."), e.IsDir() && base == "node_modules":
			return fs.SkipDir
		case !e.Type().IsRegular(), strings.HasPrefix(base, "Dockerfile"), slices.Contains([]string{".md", ".rst", ".lock"}, path.Ext(base)):
			return nil
		}
		if left--; left < 0 {
			whole = false
			return fs.SkipAll
		}
		info, err := e.Info()
		if err != nil || info.Size() > maxNamed {
			whole = false
			return nil
		}
		src, err := fs.ReadFile(context, name)
		if err != nil {
			whole = false
			return nil
		}
		if !visit(name, src) {
			return fs.SkipAll
		}
		return nil
	})
	return whole && err == nil
}

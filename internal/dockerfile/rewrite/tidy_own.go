package rewrite

import (
	"path"
	"slices"
	"strings"

	"github.com/moby/buildkit/frontend/dockerfile/instructions"

	"github.com/lighten/lighten/internal/dockerfile"
	"github.com/lighten/lighten/internal/lazy"
)

// A change of ownership or mode copies every file it touches into another layer. COPY can set both while
// it writes. ownWithCopy moves "chown -R OWNER DIR" and "chmod -R MODE DIR" there when the directory holds nothing but what
// COPY wrote; the command stays for the directory itself, which COPY does not change when it exists.
func ownWithCopy(p *tidyPass) (groups [][]dockerfile.Edit) {
	for _, s := range p.scripts() {
		for n, c := range s.commands {
			if c.Name != "chown" && c.Name != "chmod" || len(c.Args) != 3 || !s.plain(n) {
				continue
			}
			flag, value, dir := c.Args[0], c.Args[1], c.Args[2]
			if flag.Value != "-R" && flag.Value != "--recursive" || !value.Static || !dir.Static {
				continue
			}
			setting, ok := copySetting(c.Name, value.Value)
			if !ok {
				continue
			}
			o := &owning{p: p, script: s, dir: resolve(workdir(s.Instruction), dir.Value), flag: c.Name, setting: setting, owner: value.Value}
			copies, ok := o.copies(n)
			if !ok {
				continue
			}
			groups = append(groups, o.edits(copies, flag, value))
		}
	}
	return groups
}

var (
	ownerForm = lazy.MustCompile(`^([a-z_][a-z0-9_-]*|[0-9]+)(:([a-z_][a-z0-9_-]*|[0-9]+))?$`)
	modeForm  = lazy.MustCompile(`^0?[0-7]{3}$`)
)

// copySetting is the value of --chown or --chmod that does what the command does to files that COPY wrote.
func copySetting(command, value string) (string, bool) {
	if command == "chmod" {
		return value, modeForm.MatchString(value)
	}
	if !ownerForm.MatchString(value) {
		return "", false
	}
	if !strings.Contains(value, ":") {
		value += ":0" // chown leaves the group, which COPY had set to 0; --chown=USER would change it
	}
	return value, true
}

// workdir is the absolute working directory at the instruction; "" when it is not known.
func workdir(i *dockerfile.Instruction) string {
	var chain []*dockerfile.Stage
	for s := i.Stage; s != nil; s = s.Parent {
		chain = append(chain, s)
	}
	dir := ""
	for _, s := range slices.Backward(chain) {
		for _, o := range s.Instructions {
			if o == i {
				return dir
			}
			if c, ok := o.Command.(*instructions.WorkdirCommand); ok {
				dir = resolve(dir, o.Expand(c.Path))
			}
		}
	}
	return dir
}

// resolve makes a path absolute; "" when that is not possible.
func resolve(dir, p string) string {
	switch {
	case strings.ContainsAny(p, "$*?["), p == "":
		return ""
	case path.IsAbs(p):
		return path.Clean(p)
	case dir == "":
		return ""
	}
	return path.Join(dir, p)
}

// An owning is one chown or chmod that might move into COPY.
type owning struct {
	p       *tidyPass
	script  script
	dir     string
	flag    string // "chown" or "chmod"
	setting string
	owner   string
	// created is set once the search has passed the command that makes the owner: COPY looks the owner up
	// when it writes, so no COPY above may be given one.
	created bool
}

// copies finds the COPY instructions that wrote dir, walking up from command n of the script; ok only when nothing else can have
// written there.
func (o *owning) copies(n int) (copies []*dockerfile.Instruction, ok bool) {
	if o.dir == "" || strings.Count(o.dir, "/") > 1 && path.Dir(o.dir) != "/usr/src" || systemDir(o.dir) {
		return nil, false // a directory that base images fill, or parents that COPY would create with that owner
	}
	for _, c := range o.script.commands[:n] {
		if !o.harmless(c) {
			return nil, false
		}
	}
	if len(o.script.Flags) > 0 || o.script.redirects() {
		return nil, false
	}
	first := true
	for s := o.script.Stage; s != nil; s = s.Parent {
		for _, i := range slices.Backward(s.Instructions) {
			if first && i != o.script.Instruction {
				continue
			}
			if first {
				first = false
				continue
			}
			wrote, allowed := o.step(i, s != o.script.Stage)
			if !allowed {
				return nil, false
			}
			if wrote && o.created {
				return nil, false
			}
			if wrote {
				copies = append(copies, i)
			}
		}
		if s.Parent == nil && !officialImage(o.p.d.Expand(s.Base, nil)) {
			return nil, false
		}
	}
	slices.Reverse(copies)
	return copies, len(copies) > 0
}

// step judges an instruction above: whether it is a COPY that wrote into dir, and whether the search may go on.
func (o *owning) step(i *dockerfile.Instruction, inherited bool) (wrote, allowed bool) {
	switch i.Name {
	case "COPY":
		return o.copyStep(i, inherited)
	case "RUN":
		s, ok := readScript(i)
		if !ok || len(i.Flags) > 0 || s.redirects() || strings.Contains(o.p.d.Text(i.Range), o.dir) {
			return false, false
		}
		return false, !slices.ContainsFunc(s.commands, func(c dockerfile.Command) bool { return !o.harmless(c) })
	case "USER":
		u := i.Expand(i.Args[0].Value)
		return false, u == "root" || u == "0" || u == "0:0" || u == "root:root"
	case "WORKDIR", "ENV", "ARG", "LABEL", "EXPOSE", "CMD", "ENTRYPOINT", "STOPSIGNAL", "HEALTHCHECK", "MAINTAINER", "SHELL":
		return false, true
	}
	return false, false // ADD unpacks, VOLUME discards, ONBUILD runs elsewhere
}

func (o *owning) copyStep(i *dockerfile.Instruction, inherited bool) (wrote, allowed bool) {
	c, ok := i.Command.(*instructions.CopyCommand)
	if !ok {
		return false, false
	}
	dest := resolve(workdir(i), i.Expand(c.DestPath))
	switch {
	case dest == "":
		return false, false
	case !within(dest, o.dir):
		// "COPY x /" may write into dir.
		return false, !within(o.dir, dest)
	case inherited, i.Flag("chown") != nil && o.flag == "chown", i.Flag("chmod") != nil && o.flag == "chmod":
		return false, false
	case o.flag == "chmod" && dest != o.dir, c.Parents:
		return false, false // directories made on the way would keep their own mode
	}
	return true, true
}

// harmless reports whether a command surely writes nothing into the directory and does nothing else that matters to the owner.
func (o *owning) harmless(c dockerfile.Command) bool {
	if c.Nested || slices.ContainsFunc(c.Args, func(w dockerfile.Word) bool {
		return strings.Contains(w.Value, o.dir) || strings.Contains(w.Value, "$")
	}) {
		return false
	}
	if args, ok := pipArgs(c); ok {
		return subcommand(args) >= 0 && !slices.ContainsFunc(args, func(w dockerfile.Word) bool {
			return w.Value == "." || strings.HasPrefix(w.Value, "./") || slices.Contains([]string{"-e", "--editable", "-t", "--target", "--src", "--prefix", "--root", "-d"}, strings.SplitN(w.Value, "=", 2)[0])
		})
	}
	switch c.Name {
	case "useradd", "adduser", "groupadd", "addgroup", "usermod":
		o.created = o.created || !numeric(o.owner)
		return true
	case "apt-get", "apt", "apk", "true", "echo":
		return true
	case "rm":
		return !slices.ContainsFunc(c.Args, func(w dockerfile.Word) bool { return !strings.HasPrefix(w.Value, "-") && !path.IsAbs(w.Value) })
	}
	return false
}

func numeric(owner string) bool { return strings.Trim(owner, "0123456789:") == "" }

// systemDir reports whether base images bring files in the directory.
func systemDir(dir string) bool {
	return slices.Contains([]string{"/", "/bin", "/boot", "/dev", "/etc", "/home", "/lib", "/lib64", "/media", "/mnt", "/opt", "/proc", "/root",
		"/run", "/sbin", "/srv", "/sys", "/tmp", "/usr", "/var", "/data", "/go", "/docker-entrypoint.d"}, dir)
}

// officialImage reports whether the name is scratch or one of the images without a namespace, which hold no project directories.
func officialImage(name string) bool {
	name = strings.TrimPrefix(strings.TrimPrefix(name, "docker.io/"), "library/")
	return !strings.ContainsAny(name, "/$") && name != ""
}

func (o *owning) edits(copies []*dockerfile.Instruction, flag, value dockerfile.Word) []dockerfile.Edit {
	const why = "the files are written with their owner and mode at once: changing them afterwards stores every one a second time"
	edits := []dockerfile.Edit{{Range: dockerfile.Range{Start: flag.Range.Start, End: value.Range.Start}, Why: why}}
	for _, c := range copies {
		at := c.Keyword.End
		edits = append(edits, dockerfile.Edit{Range: dockerfile.Range{Start: at, End: at}, New: " --" + o.flag + "=" + o.setting, Why: why})
	}
	return edits
}

package rewrite

import (
	"slices"
	"strings"

	"github.com/lighten/lighten/internal/dockerfile"
)

// account is a user that a RUN makes with Debian's tools, or a group, when group is set.
type account struct {
	group      bool
	name       string
	id         string // "" leaves the number to the tool
	primary    string // a user's group, by name or number; "" makes one of the same name
	others     []string
	home       string
	shell      string
	system     bool
	createHome bool
}

// accountFlags are the options of useradd(8), groupadd(8), adduser(8) and addgroup(8) that are understood: which value they set.
var accountFlags = map[string]string{
	"-r": "system", "--system": "system", "-m": "create", "--create-home": "create", "-M": "bare", "--no-create-home": "bare",
	"-d": "home=", "--home-dir": "home=", "--home": "home=", "-u": "id=", "--uid": "id=", "-g": "primary=", "--gid": "primary=",
	"-G": "others=", "--groups": "others=", "--ingroup": "primary=", "-s": "shell=", "--shell": "shell=", "-c": "=", "--comment": "=", "--gecos": "=",
	"-l": "", "--no-log-init": "", "-U": "", "--user-group": "", "--group": "", "--disabled-password": "", "--disabled-login": "", "-q": "", "--quiet": "",
}

// readAccount understands one of the four commands; false when it does something that is not known.
func readAccount(c dockerfile.Command) (account, bool) {
	a := account{group: c.Name == "groupadd" || c.Name == "addgroup"}
	// adduser makes the home directory of everyone but system users; useradd of nobody without -m.
	a.createHome = c.Name == "adduser"
	bare := false
	for n := 0; n < len(c.Args); n++ {
		if !c.Args[n].Static {
			return a, false
		}
		flag, value, given := strings.Cut(c.Args[n].Value, "=")
		if !strings.HasPrefix(flag, "-") {
			if a.name != "" {
				return a, false // adduser USER GROUP
			}
			a.name = c.Args[n].Value
			continue
		}
		what, ok := accountFlags[flag]
		if !ok {
			return a, false
		}
		if strings.HasSuffix(what, "=") && !given {
			if n++; n == len(c.Args) || !c.Args[n].Static {
				return a, false
			}
			value = c.Args[n].Value
		}
		switch what {
		case "system":
			a.system = true
		case "create":
			a.createHome = true
		case "bare":
			bare = true
		case "home=":
			a.home = value
		case "id=":
			a.id = value
		case "primary=":
			a.primary = value
		case "others=":
			a.others = strings.Split(value, ",")
		case "shell=":
			a.shell = value
		}
	}
	if a.group && a.primary != "" { // groupadd --gid is its own number
		a.id, a.primary = a.primary, ""
	}
	a.createHome = a.createHome && !bare && !(a.system && c.Name == "adduser")
	if a.home == "" {
		a.home = "/home/" + a.name
	}
	return a, a.name != ""
}

// An ownership is what a script does that only makes users and directories and says who owns what.
type ownership struct {
	accounts []account
	rest     []string // mkdir, chown and chmod, as they stand
	dirs     []string // absolute directories that it makes or changes
}

// readOwning understands a script of nothing but users, directories and ownership.
func readOwning(i *dockerfile.Instruction, cmds []dockerfile.Command) (ownership, bool) {
	var o ownership
	for _, c := range cmds {
		if c.Nested || c.Op != "" && c.Op != "&&" {
			return o, false
		}
		switch c.Name {
		case "useradd", "adduser", "groupadd", "addgroup":
			a, ok := readAccount(c)
			if !ok {
				return o, false
			}
			o.accounts = append(o.accounts, a)
			if a.createHome {
				o.dirs = append(o.dirs, a.home)
			}
		case "mkdir", "chown", "chmod":
			paths, ok := operands(i, c)
			if !ok {
				return o, false
			}
			o.dirs = append(o.dirs, paths...)
			o.rest = append(o.rest, i.Document().Text(c.Range))
		default:
			return o, false
		}
	}
	return o, true
}

// operands are the absolute paths of a mkdir, chown or chmod.
func operands(i *dockerfile.Instruction, c dockerfile.Command) ([]string, bool) {
	var out []string
	skip := c.Name != "mkdir" // the owner or the mode comes first
	for _, a := range c.Args {
		switch {
		case !a.Static:
			return nil, false
		case strings.HasPrefix(a.Value, "-") && !strings.Contains(a.Value, "m"): // not mkdir --mode MODE
		case strings.HasPrefix(a.Value, "-"):
			return nil, false
		case skip:
			skip = false
		default:
			p := resolve(workdir(i), a.Value)
			if p == "" || systemDir(p) && p != "/data" { // which no image of Python has
				return nil, false
			}
			out = append(out, p)
		}
	}
	return out, true
}

// busybox writes the accounts with Alpine's tools. ids are the numbers that users have in the original, so that files in
// volumes keep their owner; of groups Alpine has other numbers in use, so theirs stay free unless the Dockerfile names them, and they are not in use.
func busybox(accounts []account, ids map[string]string) []string {
	var out []string
	group := func(name, id string, system bool) {
		c := "addgroup"
		if system {
			c += " -S"
		}
		if id != "" && id != "999" { // that is Alpine's group ping: the official image of Redis takes another number too
			c += " -g " + id
		}
		out = append(out, c+" "+name)
	}
	named := map[string]string{} // groups by number, which busybox' adduser does not take
	for _, a := range accounts {
		if a.group {
			group(a.name, a.id, a.system)
			named[a.id] = a.name
			continue
		}
		id := a.id
		if id == "" {
			id = ids[a.name]
		}
		primary := a.primary
		if name := named[primary]; primary != "" && name != "" {
			primary = name
		}
		if primary == "" {
			primary = a.name
			group(primary, "", a.system)
		}
		c := "adduser -D"
		if a.system {
			c += " -S"
		}
		if id != "" {
			c += " -u " + id
		}
		if !a.createHome {
			c += " -H"
		}
		shell := a.shell
		if shell == "" || shell == "/bin/bash" {
			shell = "/bin/sh"
		}
		out = append(out, c+" -h "+a.home+" -s "+shell+" -G "+primary+" "+a.name)
		for _, g := range a.others {
			out = append(out, "addgroup "+a.name+" "+g)
		}
	}
	return out
}

// outermost drops the directories that lie in another one of the list.
func outermost(dirs []string) []string {
	dirs = unique(dirs)
	return slices.DeleteFunc(dirs, func(d string) bool {
		return slices.ContainsFunc(dirs, func(o string) bool { return o != d && within(d, o) })
	})
}

// users tells whether the recipe makes users of its own.
func (r *recipe) users() bool {
	return slices.ContainsFunc(r.steps, func(s step) bool { return s.owns != nil && len(s.owns.accounts) > 0 })
}

package image

import (
	"path"
	"strings"
)

// defaultPath is where programs are looked for in an image that says nothing of PATH, as engines do.
const defaultPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

// LookPath returns the path at which a container of the image finds a program: by the PATH of its configuration or, for a name
// with a slash, from its working directory. It is "" when no executable file is there.
func (t *Tree) LookPath(program string) string {
	dirs := t.Config.Config.WorkingDir
	if !strings.Contains(program, "/") {
		dirs = defaultPath
		for _, v := range t.Config.Config.Env {
			if p, ok := strings.CutPrefix(v, "PATH="); ok {
				dirs = p
			}
		}
	}
	for dir := range strings.SplitSeq(dirs, ":") {
		at := program
		if !path.IsAbs(program) {
			at = path.Join("/", dir, program)
		}
		if e := t.Resolve(at); e != nil && e.IsFile() && e.Mode&0o111 != 0 {
			return at
		}
	}
	return ""
}

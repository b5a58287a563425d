package waste

import (
	"io/fs"
	"strconv"
	"strings"

	"github.com/lighten/lighten/internal/image"
)

var security = []*Category{
	{Rule: "secrets", Title: "secrets", Class: Security, find: secrets,
		Advice: "give them to the build by --mount=type=secret and to the program when it starts; change them: who pulled the image has them, deleted or not"},
	{Rule: "setuid", Title: "programs that run as their owner or group", Class: Security, find: setuid,
		Advice: "chmod u-s,g-s what the program does not start, in the step that brings it"},
	{Rule: "world-writable", Title: "writable by everybody", Class: Security, find: worldWritable,
		Advice: "chmod o-w, in the step that makes them"},
	{Rule: "unknown-users", Title: "owned by users that /etc/passwd does not name", Class: Security, find: unknownUsers,
		Advice: "COPY --chown with a user of the image; a number without a name may be somebody's on the host"},
}

func setuid(f *finder, c *Category) {
	f.each(func(e *image.Entry, s *state) {
		if s.kind == Seen && e.IsFile() && e.Mode&(fs.ModeSetuid|fs.ModeSetgid) != 0 && e.Mode&0o111 != 0 {
			f.add(c, Place{Path: e.Path, Note: e.Permissions() + " " + owner(e), Layer: e.Layer, By: -1}, e.Stored(), e.Pull)
		}
	})
}

func owner(e *image.Entry) string { return strconv.Itoa(e.UID) + ":" + strconv.Itoa(e.GID) }

// worldWritable looks at directories too: only the sticky bit keeps others from replacing what lies in one.
func worldWritable(f *finder, c *Category) {
	for i := range f.a.Layers {
		for e := range f.a.Tree.LayerEntries(i) {
			if e.Mode&0o002 == 0 || !e.IsFile() && !(e.IsDir() && e.Mode&fs.ModeSticky == 0) || f.a.Tree.Get(e.Path) != e {
				continue
			}
			f.add(c, Place{Path: e.Path, Note: e.Permissions(), Layer: e.Layer, By: -1}, 0, 0)
		}
	}
}

// unknownUsers compares owners with /etc/passwd, where the image has one.
func unknownUsers(f *finder, c *Category) {
	b, ok := f.a.Tree.Content("/etc/passwd")
	if !ok {
		return
	}
	known := map[int]bool{0: true}
	for line := range strings.Lines(string(b)) {
		if fields := strings.Split(line, ":"); len(fields) > 2 {
			if id, err := strconv.Atoi(fields[2]); err == nil {
				known[id] = true
			}
		}
	}
	f.each(func(e *image.Entry, s *state) {
		if s.kind == Seen && !known[e.UID] {
			f.gather(c, placeKey{note: "user " + strconv.Itoa(e.UID), layer: e.Layer, by: -1}, e)
		}
	})
}

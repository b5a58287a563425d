package heal

import (
	"slices"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/lighten/lighten/internal/check"
	"github.com/lighten/lighten/internal/image"
	"github.com/lighten/lighten/internal/testimage"
)

// A message names a command by its name alone: of all files of that name, what may be run comes back.
func TestFind(t *testing.T) {
	img := testimage.Image(t, v1.Config{}, testimage.Tree{
		"/usr/sbin/lighttpd": "file 0755 x", "/etc/init.d/lighttpd": "file 0755 x", "/usr/share/menu/lighttpd": "file 0644 x", "/usr/bin/data": "file 0644 x",
		"/usr/bin/awk": "symlink /etc/alternatives/awk", "/etc/alternatives/awk": "symlink /usr/bin/mawk", "/usr/bin/mawk": "file 0755 x", "/opt/shop/menu.txt": "file 0644 x",
	})
	tree, err := image.ReadTree(t.Context(), img, image.TreeOptions{})
	if err != nil {
		t.Fatal(err)
	}
	h := &healer{res: &Result{Tree: tree}}
	for _, c := range []struct {
		kind, name string
		want       []string
	}{
		{"executable", "lighttpd", []string{"/usr/sbin/lighttpd"}},
		{"executable", "awk", []string{"/usr/bin/awk"}},
		{"executable", "data", nil},
		{"executable", "/etc/init.d/lighttpd", []string{"/etc/init.d/lighttpd", "/usr/sbin/lighttpd"}},
		{"file", "menu.txt", []string{"/opt/shop/menu.txt"}},
	} {
		if got := h.find(check.Miss{Kind: c.kind, Name: c.name}); !slices.Equal(got, c.want) {
			t.Errorf("%s %s: got %q, want %q", c.kind, c.name, got, c.want)
		}
	}
}

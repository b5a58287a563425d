package testimage_test

import (
	"testing"

	"github.com/lighten/lighten/internal/testimage"
)

func TestAccess(t *testing.T) {
	testimage.Need(t, "bases")
	c := testimage.Access(t)
	for _, host := range []string{"docker.io", "gcr.io"} {
		es := c.Endpoints(host)
		if len(es) != 2 || "http://"+es[0].Host != testimage.Registry(t) || !es[0].PlainHTTP || es[1].Host != host {
			t.Errorf("%s is reached at %+v, want the loopback registry and then itself", host, es)
		}
	}
}

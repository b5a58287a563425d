package waste_test

import (
	"strings"
	"testing"

	"github.com/lighten/lighten/internal/waste"
)

// Whatever a file holds, what is remembered of it are kinds of secrets, never a part of it.
func FuzzDistil(f *testing.F) {
	f.Add("/app/.env", []byte("SECRET=abcdefgh\n"))
	f.Add("/root/.npmrc", []byte("//r/:_authToken=abcdefgh\n"))
	f.Add("/k.pem", []byte("-----BEGIN EC PRIVATE KEY-----\n"))
	f.Fuzz(func(t *testing.T, p string, content []byte) {
		if !strings.HasPrefix(p, "/") {
			return
		}
		distil := waste.DistilSecrets(p, int64(len(content)))
		if distil == nil {
			return
		}
		for _, fact := range distil(content) {
			if len(fact) > 60 || !strings.HasPrefix(fact, "secret ") && !strings.HasPrefix(fact, "secret:") {
				t.Errorf("%q is remembered", fact)
			}
		}
	})
}

func FuzzStep(f *testing.F) {
	f.Add("RUN |1 TOKEN=abcdef /bin/sh -c make # buildkit")
	f.Add("/bin/sh -c #(nop) CMD [\"x\"]")
	f.Fuzz(func(t *testing.T, s string) {
		if step := waste.Step(s); len(step) > len(s)+len("RUN ") {
			t.Errorf("%q became %q", s, step)
		}
		if again := waste.Redact(waste.Redact(s)); again != waste.Redact(s) && !strings.Contains(s, "(hidden)") {
			t.Errorf("%q: %q, then %q", s, waste.Redact(s), again)
		}
	})
}

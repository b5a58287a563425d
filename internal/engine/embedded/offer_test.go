package embedded

import "testing"

func TestOffer(t *testing.T) {
	e := &Engine{offered: &offered{}}
	for range 2 { // a program offered again is the same
		for i, file := range []string{"/one", "/two"} {
			name, value := e.Offer(file)
			if got := e.offered.file([]string{"A=b", name + "=" + value}); got != file {
				t.Errorf("program %d: got %q, want %q", i, got, file)
			}
		}
	}
	if n := len(e.offered.files); n != 2 {
		t.Errorf("%d programs are offered, want 2", n)
	}
	for _, env := range [][]string{nil, {offerVar + "=2"}, {offerVar + "=-1"}, {offerVar + "=/etc/shadow"}, {offerVar}} {
		if got := e.offered.file(env); got != "" {
			t.Errorf("%q names %q, which nobody offered", env, got)
		}
	}
}

package testimage

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"
)

// needs says for each word that [Need] knows why the machine does not have it; "" when it does.
var needs = map[string]func() string{
	"root": func() string {
		if os.Geteuid() != 0 {
			return "not root: overlay mounts and containers need it"
		}
		return ""
	},
	"bases": func() string {
		dirs, err := Layouts()
		if err != nil {
			return err.Error()
		}
		if len(dirs) == 0 {
			return errNoBases().Error()
		}
		return ""
	},
	"docker": func() string {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		if out, err := exec.CommandContext(ctx, "docker", "version", "--format", "{{.Server.Version}}").CombinedOutput(); err != nil {
			return fmt.Sprintf("no Docker daemon answers: %v: %s", err, strings.TrimSpace(string(out)))
		}
		return ""
	},
	"browser": func() string {
		if Browser() == "" {
			return "no Chromium here (apt-get install chromium-headless-shell)"
		}
		return ""
	},
	"apk": func() string {
		ok, err := ServeAlpine()
		if err != nil {
			return err.Error()
		}
		if !ok {
			return "no apk repository for the Alpine base images"
		}
		return ""
	},
}

// Need skips the test unless the machine has all of what is asked for: "root", "bases" (any base images), "apk"
// (the package repository of the Alpine ones), "docker" (a daemon that answers), "browser" (see [Browser]), "base:REF"
// (that base image), or the name of a program in PATH ("runc", "skopeo"). Under LIGHTEN_TEST_STRICT=1 a missing root,
// runc, browser or set of base images fails the test instead, so that a run which is meant to be complete cannot pass
// by skipping.
func Need(t testing.TB, what ...string) {
	t.Helper()
	for _, w := range what {
		why := missing(w)
		if why == "" {
			continue
		}
		if os.Getenv("LIGHTEN_TEST_STRICT") == "1" && slices.Contains([]string{"root", "runc", "browser", "bases"}, w) {
			t.Fatalf("%s is missing (LIGHTEN_TEST_STRICT=1): %s", w, why)
		}
		t.Skipf("%s is missing: %s", w, why)
	}
}

// Browser returns the program that is Chromium on this machine, the one without windows first; "" when there is none.
func Browser() string {
	for _, name := range []string{"chromium-headless-shell", "chromium", "chromium-browser", "google-chrome"} {
		if p, err := exec.LookPath(name); err == nil {
			return p
		}
	}
	return ""
}

func missing(what string) string {
	if f := needs[what]; f != nil {
		return f()
	}
	if ref, ok := strings.CutPrefix(what, "base:"); ok {
		if !Has(ref) {
			return fmt.Sprintf("no base image %s here", FullRef(ref))
		}
		return ""
	}
	if _, err := exec.LookPath(what); err != nil {
		return fmt.Sprintf("%v (apt-get install %s)", err, what)
	}
	return ""
}

// HasBases reports whether there are base images on this machine.
func HasBases() bool { return missing("bases") == "" }

// Has reports whether this machine's layouts hold the base image ref.
func Has(ref string) bool {
	dirs, err := Layouts()
	if err != nil {
		return false
	}
	bases, err := Bases(dirs...)
	if err != nil {
		return false
	}
	for _, b := range bases {
		if b.Ref == FullRef(ref) {
			return true
		}
	}
	return false
}

// BaseRef says where a base image lies on this machine, as lighten names it; without it the test is skipped.
func BaseRef(t testing.TB, ref string) string {
	t.Helper()
	Need(t, "base:"+ref)
	dirs, err := Layouts()
	if err != nil {
		t.Fatal(err)
	}
	bases, err := Bases(dirs...)
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range bases {
		if b.Ref == FullRef(ref) {
			return "oci:" + b.Layout + ":" + b.Ref
		}
	}
	t.Fatalf("no base image %s", ref)
	return ""
}

func errNoBases() error {
	return fmt.Errorf("no base images here: neither in %s nor assembled; assemble them with `make bases`", "../shared/bases")
}

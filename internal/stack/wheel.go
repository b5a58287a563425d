package stack

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/lighten/lighten/internal/inventory"
)

// Wheels is the answer to whether an index has built files of a distribution.
type Wheels int

// The answers; an index that cannot be asked leaves it unknown.
const (
	WheelsUnknown Wheels = iota
	WheelsNone
	WheelsFound
	WheelsForbidden // no file that could be installed has one of the sums that the requirements list
)

const maxIndex = 32 << 20 // bytes of one project's page

// Index is the package index that pip would ask: that of its environment, else of its configuration files, the most
// specific first (pip.pypa.io/en/stable/topics/configuration), else PyPI.
func Index() string {
	if s := os.Getenv("PIP_INDEX_URL"); s != "" {
		return s
	}
	files := []string{os.Getenv("PIP_CONFIG_FILE")}
	if home, err := os.UserHomeDir(); err == nil {
		files = append(files, filepath.Join(home, ".config/pip/pip.conf"), filepath.Join(home, ".pip/pip.conf"))
	}
	for _, f := range append(files, "/etc/pip.conf") {
		if b, err := os.ReadFile(f); err == nil {
			if m := indexURL.FindSubmatch(b); m != nil {
				return string(m[1])
			}
		}
	}
	return "https://pypi.org/simple"
}

var indexURL = regexp.MustCompile(`(?m)^\s*index[-_]url\s*[=:]\s*(\S+)`)

// A Target is where a wheel has to load.
type Target struct {
	Family string // "musllinux" or "manylinux"
	Python string // "3.11"; "" is any
	Arch   string // GOARCH: "amd64"; "" is any
}

// machines are the architectures of wheels (PEP 600, PEP 656) by Go's name.
var machines = map[string]string{"amd64": "x86_64", "arm64": "aarch64", "arm": "armv7l", "386": "i686", "ppc64le": "ppc64le", "s390x": "s390x", "riscv64": "riscv64"}

// HasWheel asks an index (PEP 691) whether it has a wheel of exactly this version that loads on a target. Of what requirements fix by
// [Hashes], pip takes no other file.
func HasWheel(ctx context.Context, rt http.RoundTripper, index, name, version string, on Target, hashes map[string][]string) (Wheels, error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	u := strings.TrimRight(index, "/") + "/" + inventory.PyPIName(name) + "/"
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u, nil)
	if err != nil {
		return WheelsUnknown, fmt.Errorf("asking the package index: %w", err)
	}
	req.Header.Set("Accept", "application/vnd.pypi.simple.v1+json")
	resp, err := (&http.Client{Transport: rt}).Do(req)
	if err != nil {
		return WheelsUnknown, fmt.Errorf("asking the package index: %w", err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return WheelsUnknown, fmt.Errorf("asking the package index for %s: %s", name, resp.Status)
	}
	var page struct {
		Files []struct {
			Filename string
			Hashes   struct{ SHA256 string }
		}
	}
	if err := json.NewDecoder(io.LimitReader(resp.Body, maxIndex)).Decode(&page); err != nil {
		return WheelsUnknown, fmt.Errorf("asking the package index for %s: %w", name, err)
	}
	allowed := hashes[inventory.PyPIName(name)]
	answer := WheelsNone
	if len(allowed) > 0 {
		answer = WheelsForbidden
	}
	for _, f := range page.Files {
		if len(allowed) > 0 && f.Hashes.SHA256 != "" && !slices.Contains(allowed, strings.ToLower(f.Hashes.SHA256)) {
			continue
		}
		// {distribution}-{version}(-{build})?-{python}-{abi}-{platform}.whl, each tag several joined by dots (PEP 427)
		part := strings.Split(strings.TrimSuffix(f.Filename, ".whl"), "-")
		switch n := len(part); {
		case !strings.HasSuffix(f.Filename, ".whl"):
			if strings.HasSuffix(f.Filename, "-"+version+".tar.gz") || strings.HasSuffix(f.Filename, "-"+version+".zip") {
				answer = WheelsNone // it is compiled
			}
		case (n == 5 || n == 6) && part[1] == version && on.runs(part[n-3], part[n-2]) && on.carries(part[n-1]):
			return WheelsFound, nil
		}
	}
	return answer, nil
}

// runs tells whether the Python of a target loads modules of these tags (packaging.python.org, platform
// compatibility tags): those of its own version, the stable ABI of an earlier one, and pure Python.
func (t Target) runs(python, abi string) bool {
	_, minor, ok := strings.Cut(t.Python, ".")
	own, err := strconv.Atoi(minor)
	if !ok || err != nil {
		return true
	}
	stable := slices.Contains(strings.Split(abi, "."), "abi3")
	for tag := range strings.SplitSeq(python, ".") {
		v, cpython := strings.CutPrefix(tag, "cp3")
		if !cpython {
			v, ok = strings.CutPrefix(tag, "py3")
			if !ok {
				continue // py2, pp310, …
			}
			if v == "" {
				return true
			}
		}
		n, err := strconv.Atoi(v)
		if err == nil && (n == own && abi != "cp3"+v+"t" || n < own && (stable || !cpython || abi == "none")) {
			return true // cp311t is the build without the interpreter lock
		}
	}
	return false
}

// carries tells whether a platform tag is the target's.
func (t Target) carries(platform string) bool {
	for tag := range strings.SplitSeq(platform, ".") {
		if tag == "any" || strings.HasPrefix(tag, t.Family) && (t.Arch == "" || strings.HasSuffix(tag, "_"+machines[t.Arch])) {
			return true
		}
	}
	return false
}

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
	"strings"
	"time"
)

// Wheels is the answer to whether an index has built files of a distribution.
type Wheels int

// The answers; an index that cannot be asked leaves it unknown.
const (
	WheelsUnknown Wheels = iota
	WheelsNone
	WheelsFound
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

var normal = regexp.MustCompile(`[-_.]+`)

// HasWheel asks an index (PEP 691) whether it has a wheel of exactly this
// version for a platform family ("musllinux", "manylinux"), or one for any.
func HasWheel(ctx context.Context, rt http.RoundTripper, index, name, version, family string) (Wheels, error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	u := strings.TrimRight(index, "/") + "/" + strings.ToLower(normal.ReplaceAllString(name, "-")) + "/"
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
	var page struct{ Files []struct{ Filename string } }
	if err := json.NewDecoder(io.LimitReader(resp.Body, maxIndex)).Decode(&page); err != nil {
		return WheelsUnknown, fmt.Errorf("asking the package index for %s: %w", name, err)
	}
	for _, f := range page.Files {
		part := strings.Split(strings.TrimSuffix(f.Filename, ".whl"), "-")
		if len(part) < 5 || part[1] != version || !strings.HasSuffix(f.Filename, ".whl") {
			continue
		}
		if tag := part[len(part)-1]; tag == "any" || strings.Contains(tag, family) {
			return WheelsFound, nil
		}
	}
	return WheelsNone, nil
}

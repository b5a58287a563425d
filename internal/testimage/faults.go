package testimage

import (
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
)

// Status makes a registry answer every request but the version check with the given status code, as a real one does
// that wants a login (401), limits its rate (429) or is out of order (500). It does so for the first n requests; n
// below zero: for all.
func Status(code, n int) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		var left atomic.Int64
		left.Store(int64(n))
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/v2/" || n >= 0 && left.Add(-1) < 0 {
				next.ServeHTTP(w, r)
				return
			}
			if code == http.StatusTooManyRequests {
				w.Header().Set("Retry-After", "1")
			}
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(code)
			w.Write([]byte(`{"errors":[{"code":"` + strings.ToUpper(strings.ReplaceAll(http.StatusText(code), " ", "_")) +
				`","message":"` + http.StatusText(code) + `"}]}`))
		})
	}
}

// CutBlobs makes a registry close the connection after half of a blob larger than 64 KiB, for the first n downloads;
// n below zero: for all. Manifests and configurations come through.
func CutBlobs(n int) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		var left atomic.Int64
		left.Store(int64(n))
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Method != http.MethodGet || !strings.Contains(r.URL.Path, "/blobs/") {
				next.ServeHTTP(w, r)
				return
			}
			next.ServeHTTP(&cutter{ResponseWriter: w, cut: func() bool { return n < 0 || left.Add(-1) >= 0 }}, r)
		})
	}
}

// cutter aborts a response half way through the length it announced.
type cutter struct {
	http.ResponseWriter
	cut     func() bool
	left    int64 // bytes until the cut; meaningful when cutting
	cutting bool
}

func (c *cutter) WriteHeader(code int) {
	n, err := strconv.ParseInt(c.Header().Get("Content-Length"), 10, 64)
	if err == nil && n > 64<<10 && c.cut() {
		c.cutting, c.left = true, n/2
	}
	c.ResponseWriter.WriteHeader(code)
}

func (c *cutter) Write(p []byte) (int, error) {
	if !c.cutting {
		return c.ResponseWriter.Write(p)
	}
	n, err := c.ResponseWriter.Write(p[:min(int64(len(p)), c.left)])
	c.left -= int64(n)
	if err == nil && c.left == 0 {
		http.NewResponseController(c.ResponseWriter).Flush()
		panic(http.ErrAbortHandler) // the server's documented way to break a connection
	}
	return n, err
}

package access

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

func TestRetry(t *testing.T) {
	for _, c := range []struct {
		name, method string
		answers      []int // the last one is repeated
		header       string
		want, asked  int
	}{
		{"fine", "GET", []int{200}, "", 200, 1},
		{"not found", "GET", []int{404}, "", 404, 1},
		{"unauthorized", "HEAD", []int{401}, "", 401, 1},
		{"out of order once", "HEAD", []int{503, 200}, "", 200, 2},
		{"out of order", "GET", []int{500}, "", 500, 4},
		{"limited twice", "GET", []int{429, 429, 200}, "", 200, 3},
		{"limited for an hour", "GET", []int{429, 200}, "3600", 429, 1},
		{"an upload", "POST", []int{503, 200}, "", 503, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			asked := 0
			srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				if c.header != "" {
					w.Header().Set("Retry-After", c.header)
				}
				w.WriteHeader(c.answers[min(asked, len(c.answers)-1)])
				asked++
			}))
			defer srv.Close()
			req, err := http.NewRequestWithContext(t.Context(), c.method, srv.URL, nil)
			if c.method == "POST" {
				req, err = http.NewRequestWithContext(t.Context(), c.method, srv.URL, strings.NewReader("x"))
			}
			if err != nil {
				t.Fatal(err)
			}
			resp, err := (&retry{http.DefaultTransport, time.Microsecond}).RoundTrip(req)
			if err != nil {
				t.Fatal(err)
			}
			resp.Body.Close()
			if resp.StatusCode != c.want || asked != c.asked {
				t.Errorf("got %d after %d requests, want %d after %d", resp.StatusCode, asked, c.want, c.asked)
			}
		})
	}
}

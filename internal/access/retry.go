package access

import (
	"errors"
	"io"
	"net/http"
	"slices"
	"strconv"
	"syscall"
	"time"
)

// Retry asks again, up to four times in all, what a registry answers with "too many requests" or a passing failure, or what a
// connection did not carry. Only requests without a body that change nothing are asked again.
func Retry(rt http.RoundTripper) http.RoundTripper { return &retry{rt, 500 * time.Millisecond} }

type retry struct {
	http.RoundTripper
	wait time.Duration // before the second attempt; doubles
}

const (
	attempts = 4
	// maxWait bounds what a registry may ask for: beyond it, an answer now is worth more.
	maxWait = 10 * time.Second
)

var passing = []int{
	http.StatusTooManyRequests, http.StatusInternalServerError, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout,
}

// RoundTrip implements [http.RoundTripper].
func (r *retry) RoundTrip(req *http.Request) (*http.Response, error) {
	wait := r.wait
	for n := 1; ; n++ {
		resp, err := r.RoundTripper.RoundTrip(req)
		if n == attempts || req.Method != http.MethodGet && req.Method != http.MethodHead || req.Body != nil && req.Body != http.NoBody {
			return resp, err
		}
		pause := wait
		switch {
		case err != nil && !errors.Is(err, syscall.ECONNRESET) && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF):
			return nil, err
		case err == nil && !slices.Contains(passing, resp.StatusCode):
			return resp, nil
		case err == nil:
			if s, perr := strconv.Atoi(resp.Header.Get("Retry-After")); perr == nil && s > 0 {
				pause = time.Duration(s) * time.Second
			}
			if pause > maxWait {
				return resp, nil
			}
			_, _ = io.CopyN(io.Discard, resp.Body, 64<<10) // so that the connection can be used again
			resp.Body.Close()
		}
		select {
		case <-req.Context().Done():
			return nil, req.Context().Err()
		case <-time.After(pause):
		}
		wait *= 2
	}
}

package testimage

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"time"
)

// alpineHost is where the ready Alpine images look for packages: fixed in their /etc/apk/repositories.
const alpineHost = "127.0.0.1:5080"

const alpineIndex = "x86_64/APKINDEX.tar.gz"

// ServeAlpine serves the signed apk repository that belongs to the ready Alpine images at
// http://127.0.0.1:5080/alpine as long as this process lives, and reports whether there is one. Another process
// that serves the same is fine (tests of several packages run at once); its place is taken when it ends.
func ServeAlpine() (bool, error) { return serveAlpine() }

var serveAlpine = sync.OnceValues(func() (bool, error) {
	s := Shared()
	if s == "" {
		return false, nil
	}
	dir := filepath.Join(s, "alpine")
	want, err := os.ReadFile(filepath.Join(dir, alpineIndex))
	if errors.Is(err, os.ErrNotExist) {
		return false, nil
	} else if err != nil {
		return false, fmt.Errorf("reading the apk repository: %w", err)
	}
	l, err := net.Listen("tcp", alpineHost)
	if errors.Is(err, syscall.EADDRINUSE) {
		if err := sameAlpine(want); err != nil {
			return false, err
		}
		go takeOver(dir)
		return true, nil
	} else if err != nil {
		return false, fmt.Errorf("serving the apk repository: %w", err)
	}
	go http.Serve(l, alpineHandler(dir)) // until the process ends
	return true, nil
})

func alpineHandler(dir string) http.Handler {
	return http.StripPrefix("/alpine", http.FileServer(http.Dir(dir)))
}

// sameAlpine returns nil when the server on [alpineHost] has the same index of packages.
func sameAlpine(want []byte) error {
	client := http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{Proxy: nil, DisableKeepAlives: true}}
	resp, err := client.Get("http://" + alpineHost + "/alpine/" + alpineIndex)
	if err != nil {
		return fmt.Errorf("serving the apk repository: %s is taken by another program, which does not answer: %w", alpineHost, err)
	}
	defer resp.Body.Close()
	got, err := io.ReadAll(io.LimitReader(resp.Body, int64(len(want))+1))
	if err != nil {
		return fmt.Errorf("serving the apk repository: asking the server at %s: %w", alpineHost, err)
	}
	if resp.StatusCode != http.StatusOK || !bytes.Equal(got, want) {
		return fmt.Errorf("serving the apk repository: %s is taken by another program (it answers %s, not this repository): stop it (`ss -ltnp` names it)",
			alpineHost, resp.Status)
	}
	return nil
}

// takeOver waits for the port to become free and then serves in place of the process that had it.
func takeOver(dir string) {
	for {
		l, err := net.Listen("tcp", alpineHost)
		if err == nil {
			http.Serve(l, alpineHandler(dir))
			return
		}
		time.Sleep(100 * time.Millisecond)
	}
}

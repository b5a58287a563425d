// Greeter is a web service in one static binary. What it needs of its image besides is little, and easily forgotten:
// time zones, certificate authorities, the names of users, a place for temporary files, and its own greetings.
package main

import (
	"context"
	"crypto/x509"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"html/template"
	"io/fs"
	"log"
	"mime"
	"net"
	"net/http"
	"os"
	"os/signal"
	"os/user"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

//go:embed pages
var pages embed.FS

var templates = template.Must(template.ParseFS(pages, "pages/*.html"))

// handler answers with a value as JSON, or with an error.
type handler func(*http.Request) (any, error)

func (h handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	v, err := h(r)
	w.Header().Set("Content-Type", "application/json")
	switch {
	case errors.Is(err, fs.ErrNotExist):
		w.WriteHeader(http.StatusNotFound)
	case err != nil:
		w.WriteHeader(http.StatusInternalServerError)
	}
	if err != nil {
		v = map[string]string{"error": err.Error()}
	}
	if err := json.NewEncoder(w).Encode(v); err != nil {
		log.Print(err)
	}
}

func greetings() string {
	if dir := os.Getenv("GREETINGS"); dir != "" {
		return dir
	}
	return "/usr/share/greeter"
}

// greet reads the greeting of a language, a file of that name.
func greet(r *http.Request) (any, error) {
	text, err := os.ReadFile(filepath.Join(greetings(), filepath.Base(r.PathValue("language"))+".txt"))
	return map[string]string{"greeting": string(text)}, err
}

func languages(*http.Request) (any, error) {
	entries, err := os.ReadDir(greetings())
	names := []string{}
	for _, e := range entries {
		names = append(names, strings.TrimSuffix(e.Name(), ".txt"))
	}
	return map[string]any{"languages": names}, err
}

// clock tells when noon of London is elsewhere: /time/Asia/Tokyo
func clock(r *http.Request) (any, error) {
	zone, err := time.LoadLocation(r.PathValue("zone"))
	if err != nil {
		return nil, err
	}
	return map[string]string{"time": time.Date(2024, 1, 1, 12, 0, 0, 0, time.UTC).In(zone).Format("15:04 MST")}, nil
}

func system(*http.Request) (any, error) {
	authorities, err := x509.SystemCertPool()
	if err != nil {
		return nil, err
	}
	me, err := user.Current()
	if err != nil {
		return nil, err
	}
	addresses, err := net.DefaultResolver.LookupHost(context.Background(), "localhost")
	if err != nil {
		return nil, err
	}
	port, err := net.LookupPort("tcp", "postgresql") // only /etc/services knows it
	if err != nil {
		port = 0
	}
	return map[string]any{
		"authorities": !authorities.Equal(x509.NewCertPool()),
		"user":        me.Username, "home": me.HomeDir, "localhost": addresses[0], "postgresql": port,
		"css": mime.TypeByExtension(".css"), "csv": mime.TypeByExtension(".csv"),
	}, nil
}

// keep writes the body to a temporary file and reads it again.
func keep(r *http.Request) (any, error) {
	f, err := os.CreateTemp("", "greeter-")
	if err != nil {
		return nil, err
	}
	defer os.Remove(f.Name())
	defer f.Close()
	n, err := f.ReadFrom(http.MaxBytesReader(nil, r.Body, 1<<20))
	return map[string]any{"bytes": n, "dir": filepath.Dir(f.Name())}, err
}

func index(w http.ResponseWriter, _ *http.Request) {
	err := templates.ExecuteTemplate(w, "index.html", map[string]any{"Title": "Greeter", "Names": []string{"Ada", "Grace <3"}})
	if err != nil {
		log.Print(err)
	}
}

func main() {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", index)
	mux.Handle("GET /greet/{language}", handler(greet))
	mux.Handle("GET /languages", handler(languages))
	mux.Handle("GET /time/{zone...}", handler(clock))
	mux.Handle("GET /system", handler(system))
	mux.Handle("POST /keep", handler(keep))
	server := &http.Server{Addr: ":8080", Handler: mux, ReadHeaderTimeout: 5 * time.Second}

	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	defer stop()
	go func() {
		<-ctx.Done()
		if err := server.Shutdown(context.Background()); err != nil {
			log.Print(err)
		}
	}()
	log.Print("listening on port 8080")
	if err := server.ListenAndServe(); !errors.Is(err, http.ErrServerClosed) {
		log.Fatal(err)
	}
	fmt.Println("stopped")
}

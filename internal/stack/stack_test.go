package stack

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/lighten/lighten/internal/dockerfile"
)

func TestDetect(t *testing.T) {
	for _, c := range []struct {
		name, dockerfile string
		files            map[string]string
		want             Project
	}{
		{"flask", "FROM python:3.11\n", map[string]string{
			"app.py": "from flask import Flask\napp = Flask(__name__)\n@app.route('/')\ndef a(): pass\n@app.route('/items', methods=['POST'])\ndef b(): pass\n@app.route('/items/<id>')\ndef c(): pass\napp.run(host='0.0.0.0',\n  port=8080)\n", "db.py": "connect(port=5432)\n",
		}, Project{Language: "python", Version: "3.11", Framework: "flask", Port: 8080, Routes: []string{"/"}}},
		{"fastapi", "ARG V=3.12\nFROM docker.io/library/python:${V}-slim\n", map[string]string{
			"srv/main.py": "from fastapi import FastAPI\napp = FastAPI()\n@app.get(\"/health\")\nasync def h(): return 1\n@app.post(\"/x\")\nasync def x(): return 1\n",
		}, Project{Language: "python", Version: "3.12", Framework: "fastapi", Port: 8000, Routes: []string{"/health"}}},
		{"django", "FROM debian\n", map[string]string{"manage.py": "import django\n"}, Project{Language: "python", Framework: "django", Port: 8000}},
		{"command line", "FROM python:3\n", map[string]string{"requirements.txt": "", "t.py": "import argparse\n"}, Project{Language: "python", CLI: true}},
		{"tests do not count", "FROM python:3.9\n", map[string]string{"tests/t.py": "import flask\n", "venv/x.py": "import django\n"}, Project{Language: "python", Version: "3.9"}},
		{"unknown", "FROM debian\n", map[string]string{"main.c": ""}, Project{}},
	} {
		t.Run(c.name, func(t *testing.T) {
			d, err := dockerfile.Parse("Dockerfile", []byte(c.dockerfile))
			if err != nil {
				t.Fatal(err)
			}
			dir := fstest.MapFS{}
			for name, text := range c.files {
				dir[name] = &fstest.MapFile{Data: []byte(text)}
			}
			got, err := Detect(dir, d)
			if err != nil || !reflect.DeepEqual(got, c.want) {
				t.Errorf("got %+v, %v; want %+v", got, err, c.want)
			}
		})
	}
}

func TestHasWheel(t *testing.T) {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch name := strings.Trim(strings.TrimPrefix(r.URL.Path, "/simple"), "/"); name {
		case "both-kinds":
			w.Write([]byte(`{"files":[{"filename":"both_kinds-1.0-cp311-cp311-manylinux_2_17_x86_64.whl"},{"filename":"both_kinds-1.0-cp311-cp311-musllinux_1_2_x86_64.whl"},{"filename":"both_kinds-2.0.tar.gz"}]}`))
		case "pure":
			w.Write([]byte(`{"files":[{"filename":"pure-1.0-py3-none-any.whl"}]}`))
		case "broken":
			w.Write([]byte(`{"files":[`))
		default:
			http.NotFound(w, r)
		}
	}))
	defer srv.Close()
	for _, c := range []struct {
		name, version string
		want          Wheels
		fails         bool
	}{
		{"Both.Kinds", "1.0", WheelsFound, false}, // names are compared as PEP 503 says
		{"both_kinds", "2.0", WheelsNone, false},
		{"pure", "1.0", WheelsFound, false},
		{"broken", "1.0", WheelsUnknown, true},
		{"missing", "1.0", WheelsUnknown, true},
	} {
		got, err := HasWheel(t.Context(), http.DefaultTransport, srv.URL+"/simple/", c.name, c.version, "musllinux")
		if got != c.want || (err != nil) != c.fails {
			t.Errorf("%s %s: got %d, %v; want %d", c.name, c.version, got, err, c.want)
		}
	}
}

func TestIndex(t *testing.T) {
	home := t.TempDir()
	t.Setenv("HOME", home)
	t.Setenv("PIP_INDEX_URL", "")
	t.Setenv("PIP_CONFIG_FILE", "")
	if err := os.MkdirAll(filepath.Join(home, ".config/pip"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(home, ".config/pip/pip.conf"), []byte("[global]\ntimeout = 3\nindex-url = https://proxy.example/simple\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if got, want := Index(), "https://proxy.example/simple"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	t.Setenv("PIP_INDEX_URL", "https://env.example/simple")
	if got, want := Index(), "https://env.example/simple"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

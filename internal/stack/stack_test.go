package stack

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
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
		{"decorators over several lines", "FROM python:3.11\n", map[string]string{
			"app.py": "from flask import Flask\napp = Flask(__name__)\n@app.route(\n    '/save',\n    methods=['POST'],\n)\ndef a(): pass\n@app.route('/drop',\n  methods=['DELETE'])\ndef b(): pass\n" +
				"@app.route(\n  \"/list\",  # (all)\n  methods=[\"GET\", \"POST\"])\ndef c(): pass\n@bp.get(\n    rule='/more',\n)\ndef d(): pass\n@app.route('/low', methods=('get',))\ndef e(): pass\n@app.route('/u/<int:n>')\ndef f(): pass\n@app.route('/open'\n",
		}, Project{Language: "python", Version: "3.11", Framework: "flask", Port: 5000, Routes: []string{"/list", "/low", "/more"}}},
		{"django", "FROM debian\n", map[string]string{"manage.py": "import django\n"}, Project{Language: "python", Framework: "django", Port: 8000}},
		{"a server's configuration", "FROM python:3.11\n", map[string]string{"gunicorn.conf.py": "workers = 2\nbind = \"0.0.0.0:9000\"\n", "app.py": "import flask\n", "net.py": "bind = 'x:77'\n"},
			Project{Language: "python", Version: "3.11", Framework: "flask", Port: 5000, Bind: 9000}},
		{"aiohttp that serves", "FROM python:3.11\n", map[string]string{"b.py": "from aiohttp import ClientSession, web\n"}, Project{Language: "python", Version: "3.11", Framework: "aiohttp", Port: 8080}},
		{"aiohttp that asks", "FROM python:3.11\n", map[string]string{"b.py": "import aiohttp\nfrom aiohttp import ClientSession\n"}, Project{Language: "python", Version: "3.11"}},
		{"command line", "FROM python:3\n", map[string]string{"requirements.txt": "", "t.py": "import argparse\n"}, Project{Language: "python", CLI: true}},
		{"tests do not count", "FROM python:3.9\n", map[string]string{"tests/t.py": "import flask\n", "venv/x.py": "import django\n"}, Project{Language: "python", Version: "3.9"}},
		{"Debian's own Python", "FROM debian\nRUN apt-get install -y python3-flask\nCMD python3 /app/app.py\n", map[string]string{"app.py": "from flask import Flask\n"},
			Project{Language: "python", Framework: "flask", Port: 5000}},
		{"a server of Python's", "FROM debian\nRUN python3 -m venv /v\nCMD [\"/v/bin/gunicorn\", \"app:app\"]\n", map[string]string{"app.py": "from flask import Flask\n"},
			Project{Language: "python", Framework: "flask", Port: 5000}},
		{"a name with python in it", "FROM debian\nCMD [\"/opt/python-like/run\"]\n", nil, Project{}},
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

// The file names are of real releases on pypi.org.
func TestHasWheel(t *testing.T) {
	pages := map[string][]string{
		"lxml": {
			"lxml-5.3.0-cp310-cp310-musllinux_1_2_x86_64.whl", "lxml-5.3.0-cp311-cp311-manylinux_2_28_x86_64.whl", "lxml-5.3.0-cp311-cp311-musllinux_1_2_aarch64.whl",
			"lxml-5.3.0-cp312-cp312-musllinux_1_2_x86_64.whl", "lxml-5.3.0-pp310-pypy310_pp73-musllinux_1_2_x86_64.whl", "lxml-5.3.0.tar.gz",
		},
		"pillow":       {"pillow-10.4.0-cp311-cp311-musllinux_1_2_x86_64.whl", "pillow-10.4.0-cp311-cp311-manylinux_2_17_x86_64.manylinux2014_x86_64.whl"},
		"cryptography": {"cryptography-43.0.1-cp39-abi3-musllinux_1_2_x86_64.whl", "cryptography-43.0.1-cp39-abi3-manylinux_2_17_x86_64.manylinux2014_x86_64.whl"},
		"markupsafe":   {"MarkupSafe-3.0.2-cp313-cp313t-musllinux_1_2_x86_64.whl", "MarkupSafe-3.0.2-cp313-cp313-musllinux_1_2_x86_64.whl"},
		"free":         {"free-1.0-cp311-cp311t-musllinux_1_2_x86_64.whl"},
		"ruff":         {"ruff-0.6.9-py3-none-musllinux_1_2_x86_64.whl"},
		"flask":        {"flask-2.3.3-py3-none-any.whl", "flask-2.3.3.tar.gz"},
		"six":          {"six-1.16.0-py2.py3-none-any.whl"},
		"old":          {"old-1.0-py2-none-any.whl"},
		"tables":       {"tables-1.0-1-cp311-cp311-musllinux_1_1_x86_64.whl"},
	}
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		name := strings.Trim(strings.TrimPrefix(r.URL.Path, "/simple"), "/")
		if name == "broken" {
			w.Write([]byte(`{"files":[`))
			return
		}
		names, ok := pages[name]
		if !ok {
			http.NotFound(w, r)
			return
		}
		type file struct {
			Filename string            `json:"filename"`
			Hashes   map[string]string `json:"hashes"`
		}
		var files []file
		for _, n := range names {
			files = append(files, file{n, map[string]string{"sha256": fmt.Sprintf("%x", sha256.Sum256([]byte(n)))}})
		}
		json.NewEncoder(w).Encode(map[string]any{"meta": map[string]string{"api-version": "1.1"}, "files": files})
	}))
	defer srv.Close()
	musl := Target{Family: "musllinux", Python: "3.11", Arch: "amd64"}
	for _, c := range []struct {
		name, version string
		on            Target
		want          Wheels
		fails         bool
	}{
		{"lxml", "5.3.0", musl, WheelsNone, false}, // of another Python, machine, libc or interpreter
		{"lxml", "5.3.0", Target{"musllinux", "3.12", "amd64"}, WheelsFound, false},
		{"lxml", "5.3.0", Target{"musllinux", "3.11", "arm64"}, WheelsFound, false},
		{"lxml", "5.3.0", Target{"manylinux", "3.11", "amd64"}, WheelsFound, false},
		{"lxml", "5.2.0", musl, WheelsNone, false},
		{"Pillow", "10.4.0", musl, WheelsFound, false}, // names are compared as PEP 503 says
		{"pillow", "10.4.0", Target{"manylinux", "3.11", "amd64"}, WheelsFound, false},
		{"pillow", "10.4.0", Target{"musllinux", "3.11", "arm64"}, WheelsNone, false},
		{"cryptography", "43.0.1", musl, WheelsFound, false}, // the stable ABI of an earlier Python
		{"cryptography", "43.0.1", Target{"musllinux", "3.8", "amd64"}, WheelsNone, false},
		{"markupsafe", "3.0.2", Target{"musllinux", "3.13", "amd64"}, WheelsFound, false},
		{"free", "1.0", musl, WheelsNone, false},
		{"ruff", "0.6.9", musl, WheelsFound, false},
		{"flask", "2.3.3", musl, WheelsFound, false},
		{"six", "1.16.0", musl, WheelsFound, false},
		{"old", "1.0", musl, WheelsNone, false},
		{"tables", "1.0", musl, WheelsFound, false}, // with a build number
		{"lxml", "5.3.0", Target{Family: "musllinux"}, WheelsFound, false},
		{"broken", "1.0", musl, WheelsUnknown, true},
		{"missing", "1.0", musl, WheelsUnknown, true},
	} {
		got, err := HasWheel(t.Context(), http.DefaultTransport, srv.URL+"/simple/", c.name, c.version, c.on, nil)
		if got != c.want || (err != nil) != c.fails {
			t.Errorf("%s %s on %+v: got %d, %v; want %d", c.name, c.version, c.on, got, err, c.want)
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

// What requirements fix by hashes is taken from an index only where it has a file with one of them.
func TestHashes(t *testing.T) {
	names := []string{"lxml-5.3.0-cp311-cp311-manylinux_2_28_x86_64.whl", "lxml-5.3.0-cp311-cp311-musllinux_1_2_x86_64.whl", "lxml-5.3.0.tar.gz"}
	sum := func(name string) string { return fmt.Sprintf("%x", sha256.Sum256([]byte(name))) }
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var files []map[string]any
		for _, n := range names {
			files = append(files, map[string]any{"filename": n, "hashes": map[string]string{"sha256": sum(n)}})
		}
		json.NewEncoder(w).Encode(map[string]any{"files": files})
	}))
	defer srv.Close()
	for _, c := range []struct {
		name, requirements string
		want               Wheels
	}{
		{"no hashes", "lxml==5.3.0\n", WheelsFound},
		{"of the wheel for glibc", "LXML[html5] == 5.3.0 \\\n    --hash=sha256:" + sum(names[0]) + "\n", WheelsForbidden},
		{"of the source", "lxml==5.3.0 --hash=sha256:" + sum(names[0]) + " \\\r\n --hash=sha256:" + sum(names[2]) + "\n", WheelsNone},
		{"of all", "# x\nlxml==5.3.0 --hash=sha256:" + sum(names[0]) + " --hash=sha256:" + strings.ToUpper(sum(names[1])) + "\n", WheelsFound},
		{"of another", "flask==3 --hash=sha256:00\n", WheelsFound},
		{"by another sum", "lxml==5.3.0 --hash=sha512:00\n", WheelsFound},
	} {
		dir := fstest.MapFS{"requirements/prod.txt": {Data: []byte(c.requirements)}}
		got, err := HasWheel(t.Context(), http.DefaultTransport, srv.URL, "lxml", "5.3.0", Target{"musllinux", "3.11", "amd64"}, Hashes(dir))
		if err != nil || got != c.want {
			t.Errorf("%s: got %v, %v; want %v", c.name, got, err, c.want)
		}
	}
}

package stack

import (
	"errors"
	"io"
	"io/fs"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/lighten/lighten/internal/dockerfile"
	"github.com/lighten/lighten/internal/lazy"
)

const (
	maxSources = 300       // files read
	maxSource  = 256 << 10 // bytes read of one
)

var (
	pythonImage  = lazy.MustCompile(`(?:^|/)python:(\d+\.\d+)`)
	startsPython = lazy.MustCompile(`(?:^|[\s"/])(?:python3?(?:\.\d+)?|gunicorn|uvicorn|hypercorn|daphne|waitress-serve|uwsgi|flask|fastapi|streamlit|celery|django-admin)(?:["\s]|$)`)
	pythonFiles  = []string{"requirements.txt", "pyproject.toml", "setup.py", "setup.cfg", "Pipfile", "manage.py"}
	frameworks   = []struct {
		name string
		port int // the development server's
		re   *lazy.Pattern
	}{
		{"fastapi", 8000, imports("fastapi")},
		{"dash", 8050, imports("dash")},
		{"flask", 5000, imports("flask")},
		{"django", 8000, imports("django")},
		{"streamlit", 8501, imports("streamlit")},
		{"gradio", 7860, imports("gradio")},
		{"quart", 5000, imports("quart")},
		{"sanic", 8000, imports("sanic")},
		{"litestar", 8000, imports("litestar")},
		{"starlette", 8000, imports("starlette")},
		{"bottle", 8080, imports("bottle")},
		// Of these, parts are for programs that ask others.
		{"aiohttp", 8080, lazy.MustCompile(`(?m)^\s*(?:from\s+aiohttp\s+import\s+(?:\w+,\s*)*web\b|import\s+aiohttp\.web\b)`)},
		{"tornado", 8888, lazy.MustCompile(`(?m)^\s*(?:import\s+tornado\.web\b|from\s+tornado(?:\.web\s+import\b|\s+import\s+(?:\w+,\s*)*web\b))`)},
	}
	route       = lazy.MustCompile(`(?m)^[ \t]*@[\w.]+\.(route|get)\(`)
	routed      = lazy.MustCompile(`^\s*(?:\w+\s*=\s*)?["'](/[^"'<{]*)["']\s*(?:,|$)`)
	methods     = lazy.MustCompile(`\bmethods\s*=\s*[\[({]([^\])}]*)`)
	portArg     = lazy.MustCompile(`(?s)(?:\.run|\bserve|run_simple)\([^()]*?\bport\s*=\s*(\d{2,5})\b`)
	bindSetting = lazy.MustCompile(`(?m)^bind\s*=\s*["'][^"':]*:(\d{2,5})["']`) // of gunicorn
	cliWords    = lazy.MustCompile(`(?m)\bargparse\b|^\s*import click\b|\bsys\.stdin\b|\btyper\b`)
)

// imports finds the import of a package.
func imports(name string) *lazy.Pattern {
	return lazy.MustCompile(`(?m)^\s*(?:from|import)\s+` + name + `\b`)
}

// detectPython recognises a Python program by its base image, by what starts it, or by its files.
func detectPython(dir fs.FS, d *dockerfile.Document) (Project, bool, error) {
	var p Project
	found := false
	for _, s := range d.Stages {
		if m := pythonImage.FindStringSubmatch(d.Expand(s.Base, nil)); m != nil {
			p.Version, found = m[1], true
		}
		for _, i := range s.Instructions {
			found = found || (i.Name == "CMD" || i.Name == "ENTRYPOINT") && startsPython.MatchString(d.Text(i.ArgsRange))
		}
	}
	for _, f := range pythonFiles {
		if _, err := fs.Stat(dir, f); err == nil {
			found = true
		}
	}
	if !found {
		return p, false, nil
	}
	return p, true, p.readSources(dir)
}

func (p *Project) readSources(dir fs.FS) error {
	left := maxSources
	cli := false
	err := fs.WalkDir(dir, ".", func(name string, e fs.DirEntry, err error) error {
		if err != nil {
			return nil // what cannot be read tells nothing; the build will say more
		}
		base := path.Base(name)
		if e.IsDir() && name != "." && (strings.HasPrefix(base, ".") || slices.Contains([]string{"venv", "node_modules", "tests", "test", "__pycache__"}, base)) {
			return fs.SkipDir
		}
		if !e.Type().IsRegular() || path.Ext(base) != ".py" {
			return nil
		}
		if left--; left < 0 {
			return fs.SkipAll
		}
		src, err := readSome(dir, name)
		if err != nil {
			return nil
		}
		p.source(src)
		if m := bindSetting.FindStringSubmatch(src); m != nil && strings.Contains(base, "conf") {
			p.Bind, _ = strconv.Atoi(m[1])
		}
		cli = cli || cliWords.MatchString(src)
		return nil
	})
	slices.Sort(p.Routes)
	p.Routes = slices.Compact(p.Routes)
	p.CLI = cli && p.Framework == ""
	return err
}

func readSome(dir fs.FS, name string) (string, error) {
	f, err := dir.Open(name)
	if err != nil {
		return "", err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxSource))
	if err != nil && !errors.Is(err, io.EOF) {
		return "", err
	}
	return string(b), nil
}

func (p *Project) source(src string) {
	for _, f := range frameworks {
		if p.Framework == "" && f.re.MatchString(src) {
			p.Framework = f.name
			if p.Port == 0 {
				p.Port = f.port
			}
		}
	}
	for _, at := range route.FindAllStringSubmatchIndex(src, -1) {
		args, ok := arguments(src[at[1]:])
		m := routed.FindStringSubmatch(args)
		if !ok || m == nil {
			continue
		}
		how := methods.FindStringSubmatch(args)
		if src[at[2]:at[3]] == "route" && how != nil && !strings.Contains(strings.ToUpper(how[1]), "GET") {
			continue
		}
		p.Routes = append(p.Routes, m[1])
	}
	if m := portArg.FindStringSubmatch(src); m != nil {
		p.Port, _ = strconv.Atoi(m[1])
	}
}

// maxArguments bounds how far the end of a call is looked for.
const maxArguments = 4 << 10

// arguments are those of a Python call, up to its closing parenthesis, over lines and without comments;
// false when it does not end.
func arguments(src string) (string, bool) {
	var out strings.Builder
	depth, quote := 1, byte(0)
	for n := 0; n < min(len(src), maxArguments); n++ {
		c := src[n]
		switch {
		case quote != 0 && c == '\\' && n+1 < len(src):
			out.WriteByte(c)
			n++
			c = src[n]
		case quote != 0:
			if c == quote {
				quote = 0
			}
		case c == '"' || c == '\'':
			quote = c
		case c == '#':
			if n += strings.IndexByte(src[n:], '\n'); src[n] == '#' {
				return "", false
			}
			c = '\n'
		case c == '(' || c == '[' || c == '{':
			depth++
		case c == ')' || c == ']' || c == '}':
			if depth--; depth == 0 {
				return out.String(), true
			}
		}
		out.WriteByte(c)
	}
	return "", false
}

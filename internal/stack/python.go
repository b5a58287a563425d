package stack

import (
	"errors"
	"io"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/lighten/lighten/internal/dockerfile"
)

const (
	maxSources = 300       // files read
	maxSource  = 256 << 10 // bytes read of one
)

var (
	pythonImage = regexp.MustCompile(`(?:^|/)python:(\d+\.\d+)`)
	pythonFiles = []string{"requirements.txt", "pyproject.toml", "setup.py", "setup.cfg", "Pipfile", "manage.py"}
	frameworks  = []struct {
		name string
		port int // the development server's
		re   *regexp.Regexp
	}{
		{"fastapi", 8000, regexp.MustCompile(`(?m)^\s*(?:from|import)\s+fastapi\b`)},
		{"flask", 5000, regexp.MustCompile(`(?m)^\s*(?:from|import)\s+flask\b`)},
		{"django", 8000, regexp.MustCompile(`(?m)^\s*(?:from|import)\s+django\b`)},
	}
	route    = regexp.MustCompile(`(?m)^\s*@\w+\.(route|get)\(\s*["'](/[^"'<{]*)["'](.*)$`)
	portArg  = regexp.MustCompile(`(?s)(?:\.run|\bserve|run_simple)\([^()]*?\bport\s*=\s*(\d{2,5})\b`)
	cliWords = regexp.MustCompile(`(?m)\bargparse\b|^\s*import click\b|\bsys\.stdin\b|\btyper\b`)
)

// detectPython recognises a Python program by its base image or its files.
func detectPython(dir fs.FS, d *dockerfile.Document) (Project, bool, error) {
	var p Project
	found := false
	for _, s := range d.Stages {
		if m := pythonImage.FindStringSubmatch(d.Expand(s.Base, nil)); m != nil {
			p.Version, found = m[1], true
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
	for _, m := range route.FindAllStringSubmatch(src, -1) {
		if m[1] == "route" && strings.Contains(m[3], "methods") && !strings.Contains(m[3], "GET") {
			continue
		}
		p.Routes = append(p.Routes, m[2])
	}
	if m := portArg.FindStringSubmatch(src); m != nil {
		p.Port, _ = strconv.Atoi(m[1])
	}
}

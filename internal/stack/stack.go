// Package stack knows languages: how to recognise a program's, and what its
// sources tell about how it is built and asked. A language is a value in a
// table, in a file named after it.
package stack

import (
	"io/fs"

	"github.com/lighten/lighten/internal/check"
	"github.com/lighten/lighten/internal/dockerfile"
)

// Project is what the sources tell. The zero value is a program of which
// nothing is known.
type Project struct {
	Language  string // python, or "" for an unknown one
	Version   string // "3.11", "" when the Dockerfile does not say
	Framework string // flask, fastapi, django, or ""
	Port      int    // named in the sources; 0: none
	Bind      int    // named in a server's configuration; 0: none
	Routes    []string
	CLI       bool // reads arguments or standard input, and ends
}

// Hints is the part of p from which checks are guessed.
func (p Project) Hints() check.Hints {
	return check.Hints{Framework: p.Framework, Port: p.Port, Bind: p.Bind, Routes: p.Routes, CLI: p.CLI}
}

// language is one row of the table.
type language struct {
	name   string
	detect func(fs.FS, *dockerfile.Document) (Project, bool, error)
}

var languages = []language{{"python", detectPython}}

// Detect asks each language in turn; the first that recognises the project
// describes it.
func Detect(dir fs.FS, d *dockerfile.Document) (Project, error) {
	for _, l := range languages {
		p, ok, err := l.detect(dir, d)
		if ok || err != nil {
			p.Language = l.name
			return p, err
		}
	}
	return Project{}, nil
}

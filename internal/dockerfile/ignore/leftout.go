package ignore

import (
	"bytes"
	"fmt"
	"io/fs"

	"github.com/moby/patternmatcher"
	"github.com/moby/patternmatcher/ignorefile"
)

// maxVisited bounds how many files LeftOut looks at.
const maxVisited = 100_000

// LeftOut lists regular files of the context that the lines in current keep out of the build, by their paths from its root: at most
// 1000, of the first 100,000 there are, without those of version control.
func LeftOut(context fs.FS, current []byte) ([]string, error) {
	patterns, err := ignorefile.ReadAll(bytes.NewReader(current))
	if err != nil || len(patterns) == 0 {
		return nil, err
	}
	matcher, err := patternmatcher.New(patterns)
	if err != nil {
		return nil, fmt.Errorf("reading the .dockerignore: %w", err)
	}
	var out []string
	left := maxVisited
	err = fs.WalkDir(context, ".", func(p string, e fs.DirEntry, err error) error {
		left--
		switch {
		case err != nil:
			return nil // what cannot be read is not in the image either
		case left < 0 || len(out) == maxListed:
			return fs.SkipAll
		case e.IsDir() && (e.Name() == ".git" || e.Name() == ".hg" || e.Name() == ".svn"):
			return fs.SkipDir
		case !e.Type().IsRegular():
			return nil
		}
		ignored, err := matcher.MatchesOrParentMatches(p)
		if err == nil && ignored {
			out = append(out, p)
		}
		return err
	})
	return out, err
}

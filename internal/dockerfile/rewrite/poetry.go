package rewrite

import (
	"slices"
	"strings"

	"github.com/lighten/lighten/internal/dockerfile"
	"github.com/lighten/lighten/internal/lazy"
)

// poetryEnvironment is where Poetry installs to that was told to make no environment. It takes one that is active.
const poetryEnvironment = "/opt/venv"

// withEnvironment gives Poetry a virtual environment where it installs among the image's own packages: it knows no --prefix, and nobody
// could tell what to copy. Instructions keep the line that they have in the user's file.
func withEnvironment(d *dockerfile.Document, s *dockerfile.Stage) (*dockerfile.Document, error) {
	n := installsAmong(s)
	if n < 0 {
		return d, nil
	}
	i := s.Instructions[n]
	at := lineStart(d, i.Range.Start)
	if len(i.Comments) > 0 {
		at = lineStart(d, i.Comments[0].Start)
	}
	nl := newline(d)
	text := "# An environment of its own, which can be copied: Poetry installs into the active one." + nl +
		"RUN python -m venv " + poetryEnvironment + nl +
		"ENV VIRTUAL_ENV=" + poetryEnvironment + " PATH=\"" + poetryEnvironment + "/bin:$PATH\"" + nl
	out, err := d.Apply(dockerfile.Edit{Range: dockerfile.Range{Start: at, End: at}, New: text})
	if err != nil {
		return d, err
	}
	for _, o := range out.Instructions {
		if o.Range.Start >= at+len(text) {
			o.Line -= strings.Count(text, "\n")
		}
	}
	return out, nil
}

// installsAmong is the index of the first instruction by which Poetry, and nothing else, installs without an environment; -1 when there is none.
func installsAmong(s *dockerfile.Stage) int {
	without, at := false, -1
	for n, i := range s.Instructions {
		x, ok := readScript(i)
		if !ok {
			continue
		}
		without = without || i.Env()["POETRY_VIRTUALENVS_CREATE"] != "" && !isOn(i.Env()["POETRY_VIRTUALENVS_CREATE"])
		alone, installs := true, false
		for _, c := range x.commands {
			alone = alone && c.Name == "poetry"
			installs = installs || does(c, "poetry", "install")
			without = without || c.Name == "poetry" && hasArg(c.Args, "virtualenvs.create") && hasArg(c.Args, "false", "0")
		}
		if installs && at < 0 {
			if at = n; !alone {
				return -1
			}
		}
	}
	if !without {
		return -1
	}
	return at
}

// getsInstaller is the address from which Poetry or uv is installed by a script.
var getsInstaller = lazy.MustCompile(`https://(install\.python-poetry\.org|astral\.sh/uv/)`)

// fetchesInstaller tells a script that gets Poetry or uv so, and nothing else.
func (s script) fetchesInstaller() bool {
	return getsInstaller.MatchString(s.Document().Text(s.Range)) && len(s.commands) == 2 && s.commands[0].Op == "|" &&
		slices.Contains([]string{"curl", "wget"}, s.commands[0].Name) && slices.Contains([]string{"python", "python3", "sh", "bash"}, s.commands[1].Name)
}

package rewrite

import (
	"bytes"
	"io/fs"
	"maps"
	"slices"
	"strings"

	"github.com/lighten/lighten/internal/dockerfile"
	"github.com/lighten/lighten/internal/lazy"
)

// isUVInstall tells a `uv pip install` into the image's own Python. It takes --prefix as pip does.
func isUVInstall(i *dockerfile.Instruction, c dockerfile.Command) bool {
	if c.Name != "uv" || len(c.Args) < 2 || c.Args[0].Value != "pip" || c.Args[1].Value != "install" {
		return false
	}
	if hasArg(c.Args, "--python", "-p") {
		return false
	}
	return hasArg(c.Args, "--system") || isOn(i.Expand(i.Env()["UV_SYSTEM_PYTHON"]))
}

// installsWith tells whether the tool installs the dependencies.
func (r *recipe) installsWith(tool string) bool {
	return slices.ContainsFunc(r.steps, func(s step) bool {
		return slices.ContainsFunc(s.pip, func(p pipInstall) bool { return p.tool == tool })
	})
}

// namesTool finds the name of a tool as a command.
var namesTool = map[string]*lazy.Pattern{
	"uv":     lazy.MustCompile(`(?m)(^|[\s"'/&|;(\[])uvx?["'\s]`),
	"poetry": lazy.MustCompile(`(?m)(^|[\s"'/&|;(\[])poetry["'\s]`),
	"pipenv": lazy.MustCompile(`(?m)(^|[\s"'/&|;(\[])pipenv["'\s]`),
}

// runs tells whether the final stage needs the tool for something else than installing: to start the program, or in a command that stays.
func (r *recipe) runs(tool string) bool {
	var text strings.Builder
	for _, s := range r.steps {
		if slices.Contains([]string{"CMD", "ENTRYPOINT", "HEALTHCHECK"}, s.Name) || s.Name == "RUN" && (len(s.pip) == 0 || len(s.rest) > 0) {
			text.WriteString(s.Document().Text(s.Range) + "\n")
		}
	}
	return callsTool(tool, text.String(), r.context)
}

// uvFlags of `uv run` say how the environment is brought up to date first, which has happened.
var uvFlags = []string{"--frozen", "--locked", "--no-sync", "--no-dev", "--offline", "--no-cache"}

// toolRun is what a CMD or ENTRYPOINT in exec form runs by `uv run` or `poetry run`, as it would be run in the environment; nil for any other.
func toolRun(i *dockerfile.Instruction) []string {
	if i.Name != "CMD" && i.Name != "ENTRYPOINT" || !i.JSON || len(i.Args) < 3 || i.Args[0].Value != "uv" && i.Args[0].Value != "poetry" || i.Args[1].Value != "run" {
		return nil
	}
	var argv []string
	for _, a := range i.Args[2:] {
		if len(argv) > 0 || !slices.Contains(uvFlags, a.Value) {
			argv = append(argv, a.Value)
		}
	}
	switch {
	case len(argv) == 0 || strings.HasPrefix(argv[0], "-"):
		return nil
	case strings.HasSuffix(argv[0], ".py") && i.Args[0].Value == "uv":
		return append([]string{"python"}, argv...)
	}
	return argv
}

// keepsTools tells whether the final stage needs uv, Poetry or pipenv although the environment is made in another one.
func (e *environment) keepsTools(final *dockerfile.Stage, context fs.FS) bool {
	var text strings.Builder
	for n, i := range final.Instructions {
		starts := slices.Contains([]string{"CMD", "ENTRYPOINT", "HEALTHCHECK"}, i.Name)
		if (starts || i.Name == "RUN" && n > e.last) && toolRun(i) == nil {
			text.WriteString(i.Document().Text(i.Range) + "\n")
		}
	}
	return slices.ContainsFunc(slices.Collect(maps.Keys(namesTool)), func(tool string) bool { return callsTool(tool, text.String(), context) })
}

// callsTool tells whether commands, or a script of the context that they name, call the tool.
func callsTool(tool, commands string, context fs.FS) bool {
	return namesTool[tool].MatchString(commands) || startsScript(commands, context, func(src []byte) bool {
		return bytes.HasPrefix(src, []byte("#!")) && namesTool[tool].Match(src)
	})
}

// onlyInstaller tells a step that brings uv into an image that needs it only to install the dependencies.
func (r *recipe) onlyInstaller(n int) bool {
	return n < r.lastPip() && bringsTool(r.steps[n].Instruction) && r.installsWith("uv") && !r.runs("uv")
}

package rewrite

import (
	"regexp"
	"slices"

	"github.com/lighten/lighten/internal/dockerfile"
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

// installsWithUV tells whether uv installs the dependencies.
func (r *recipe) installsWithUV() bool {
	return slices.ContainsFunc(r.steps, func(s step) bool {
		return slices.ContainsFunc(s.pip, func(p pipInstall) bool { return p.uv })
	})
}

var namesUV = regexp.MustCompile(`(?m)(^|[\s"'/&|;(\[])uvx?["'\s]`)

// runsUV tells whether the final stage needs uv for something else than installing: to start the program, or in a command that stays.
func (r *recipe) runsUV() bool {
	return slices.ContainsFunc(r.steps, func(s step) bool {
		switch s.Name {
		case "CMD", "ENTRYPOINT", "HEALTHCHECK":
		case "RUN":
			if len(s.pip) > 0 && len(s.rest) == 0 {
				return false
			}
		default:
			return false
		}
		return namesUV.MatchString(s.Document().Text(s.Range) + "\n")
	})
}

// onlyInstaller tells a step that brings uv into an image that needs it only to install the dependencies.
func (r *recipe) onlyInstaller(n int) bool {
	return n < r.lastPip() && bringsTool(r.steps[n].Instruction) && r.installsWithUV() && !r.runsUV()
}

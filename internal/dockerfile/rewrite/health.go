package rewrite

import (
	"fmt"
	"io/fs"
	"regexp"
	"slices"
	"strings"

	"github.com/lighten/lighten/internal/lazy"
)

// askingHealth is a HEALTHCHECK that asks the program with curl or wget, and nothing else: the flags of HEALTHCHECK, the
// tool, its options and the address.
var askingHealth = lazy.MustCompile(`^(?i:HEALTHCHECK)((?:\s+--\S+)*)\s+(?i:CMD)\s+(curl|wget)((?:\s+-\S+|\s+/dev/null)*)\s+['"]?(http://(?:localhost|127\.0\.0\.1)[^\s"'$|;&\\]*)['"]?(?:\s+-\S+|\s+/dev/null)*(?:\s*\|\|\s*exit\s+1)?\s*$`)

// askedBy is the HEALTHCHECK of a step with Python in the place of curl or wget, which the lighter images do not have;
// false when it is another one, or when the program installs the tool itself.
func (r *recipe) askedBy(s step, python string) (line, tool string, ok bool) {
	if s.Name != "HEALTHCHECK" {
		return "", "", false
	}
	text := strings.Join(strings.Fields(strings.ReplaceAll(s.Document().Text(s.Range), "\\\n", " ")), " ")
	m := askingHealth.FindStringSubmatch(text)
	if m == nil || m[2] == "curl" && !failsOnStatus(m[3]) {
		return "", "", false
	}
	named := regexp.MustCompile(`\b` + m[2] + `\b`)
	if !slices.Contains(r.asks, m[2]) && slices.ContainsFunc(r.steps, func(o step) bool { return o.Name == "RUN" && named.MatchString(o.Document().Text(o.Range)) }) {
		return "", "", false
	}
	argv := []string{python, "-c", fmt.Sprintf("import urllib.request as r; r.urlopen('%s')", m[4])}
	return "HEALTHCHECK" + m[1] + " CMD " + jsonList(argv), m[2], true
}

// failsOnStatus tells whether curl has -f: without it every answer is healthy, which urlopen would not say.
func failsOnStatus(options string) bool {
	return slices.ContainsFunc(strings.Fields(options), func(o string) bool {
		return o == "--fail" || strings.HasPrefix(o, "-") && !strings.HasPrefix(o, "--") && strings.Contains(o, "f")
	})
}

// keepHealth writes a step to the letter, but a HEALTHCHECK that needs a tool which is not there with Python.
func (r *recipe) keepHealth(p *page, s step, python string) bool {
	line, tool, ok := r.askedBy(s, python)
	if ok {
		comments(p, s)
		p.line("# There is no %s in this image: Python asks.", tool)
		p.line("%s", line)
	}
	return ok
}

// findAsking takes the tools from the packages that nothing but HEALTHCHECK uses, which Python can do.
func (r *recipe) findAsking(context fs.FS) {
	for _, tool := range []string{"curl", "wget"} {
		named := regexp.MustCompile(`\b` + tool + `\b`)
		asks := false
		others := slices.ContainsFunc(r.steps, func(s step) bool {
			text := strings.Join(strings.Fields(strings.ReplaceAll(s.Document().Text(s.Range), "\\\n", " ")), " ")
			if m := askingHealth.FindStringSubmatch(text); m != nil && m[2] == tool && (tool == "wget" || failsOnStatus(m[3])) {
				asks = true
				return false
			}
			return named.MatchString(text) && (len(s.packages) == 0 || len(s.pip)+len(s.removed) > 0)
		})
		if !asks || others || !slices.ContainsFunc(r.steps, func(s step) bool { return slices.Contains(s.packages, tool) }) || names(context, tool) {
			continue
		}
		for n := range r.steps {
			s := &r.steps[n]
			s.packages = slices.DeleteFunc(slices.Clone(s.packages), func(p string) bool { return p == tool })
			s.passing = s.passing || s.Name == "RUN" && len(s.packages) == 0 && named.MatchString(s.Document().Text(s.Range))
		}
		r.asks = append(r.asks, tool)
	}
}

// askNotes say which tools are left out.
func (r *recipe) askNotes() []string {
	if len(r.asks) == 0 {
		return nil
	}
	return []string{strings.Join(r.asks, " and ") + " was there for HEALTHCHECK alone: Python asks, and it is left out"}
}

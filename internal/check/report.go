package check

import (
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// reportVersion guards against a supervisor of another release.
const reportVersion = 1

// Report is what the supervisor saw.
type Report struct {
	Version     int      `json:"version"`
	Results     []Result `json:"results"`
	StartMillis float64  `json:"start_ms"`  // start of the program to the first passed check
	RSSBytes    int64    `json:"rss_bytes"` // of the program's processes after the checks
	LogTail     []string `json:"log,omitempty"`
	ExitCode    *int     `json:"exit_code,omitempty"` // of a program that ended by itself
	Missing     []Miss   `json:"missing,omitempty"`
	Error       string   `json:"error,omitempty"` // why the checks could not be run
}

// Passed reports whether the checks were asked and every one passed.
func (r *Report) Passed() bool {
	return r.Error == "" && !slices.ContainsFunc(r.Results, func(x Result) bool { return !x.Passed })
}

// FirstFailure says what the first failed check expected and found, or why none was asked; "" when all passed.
func (r *Report) FirstFailure() string {
	for _, x := range r.Results {
		if !x.Passed {
			return x.Failure()
		}
	}
	return r.Error
}

// Lost are the modules, libraries and commands that the program of r looked for in vain, and that of the original did not.
func (r *Report) Lost(original *Report) []Miss {
	return slices.DeleteFunc(slices.Clone(r.Missing), func(m Miss) bool {
		return m.Kind == "file" || slices.Contains(original.Missing, m)
	})
}

// Result is the outcome of one check.
type Result struct {
	Name     string  `json:"name"`
	Kind     string  `json:"kind"`
	Passed   bool    `json:"passed"`
	Expected string  `json:"expected,omitempty"`
	Found    string  `json:"found,omitempty"`
	Millis   float64 `json:"ms"`
	Holdout  bool    `json:"holdout,omitempty"`
	Answer   *Answer `json:"answer,omitempty"` // when the plan asks for answers
}

// Failure says what a failed check expected and found.
func (r Result) Failure() string {
	return fmt.Sprintf("check %q: expected %s, found %s", r.Name, r.Expected, r.Found)
}

// Miss is something that the program looked for in vain, as its log says.
type Miss struct {
	Kind     string `json:"kind"` // module, library, executable, file
	Name     string `json:"name"`
	NeededBy string `json:"needed_by,omitempty"`
}

// ParseReport reads what the supervisor wrote.
func ParseReport(b []byte) (*Report, error) {
	if len(b) == 0 {
		return nil, errors.New("reading the supervisor's report: it wrote none")
	}
	var r Report
	if err := json.Unmarshal(b, &r); err != nil {
		return nil, fmt.Errorf("reading the supervisor's report: %w", err)
	}
	if r.Version != reportVersion {
		return nil, fmt.Errorf("reading the supervisor's report: version %d, want %d", r.Version, reportVersion)
	}
	return &r, nil
}

// misses are the messages of common run times; a pattern's group is the name.
var misses = []struct {
	kind string
	re   *regexp.Regexp
}{
	{"module", regexp.MustCompile(`ModuleNotFoundError: No module named '([\w.]+)'`)},
	{"module", regexp.MustCompile(`Cannot find module '([^']+)'`)},
	{"module", regexp.MustCompile(`: No module named ([\w.]+)$`)},
	{"library", regexp.MustCompile(`error while loading shared libraries: ([^:\s]+): cannot open`)},
	{"library", regexp.MustCompile(`(?:ImportError|OSError): ([\w.+/-]+\.so[\w.]*): cannot open shared object`)},
	{"library", regexp.MustCompile(`Error loading shared library ([^:\s]+): No such file`)},
	{"executable", regexp.MustCompile(`exec: "?([^":]+)"?: (?:not found|executable file not found)`)},
	{"executable", regexp.MustCompile(`(?:^|/)(?:ba|da|a)?sh: (?:(?:line )?\d+: )?([^\s:]+): (?:command )?not found$`)},
	{"executable", regexp.MustCompile(`(?:^|/)env: (?:can't execute )?['‘"]?([\w./+-]+)['’"]?: No such file`)},
	{"executable", regexp.MustCompile(`its interpreter (\S+) is not in the image`)},
	{"executable", regexp.MustCompile(`fork/exec (\S+): no such file or directory`)},
	{"file", regexp.MustCompile(`can't open file '([^']+)': \[Errno 2\]`)},
	{"file", regexp.MustCompile(`FileNotFoundError: \[Errno 2\] No such file or directory: '([^']+)'`)},
}

var neededBy = regexp.MustCompile(`\(needed by ([^)]+)\)`)

func findMisses(lines []string) []Miss {
	var out []Miss
	seen := map[Miss]bool{}
	for _, l := range lines {
		for _, m := range misses {
			g := m.re.FindStringSubmatch(strings.TrimSpace(l))
			if g == nil {
				continue
			}
			miss := Miss{Kind: m.kind, Name: g[1]}
			if n := neededBy.FindStringSubmatch(l); n != nil {
				miss.NeededBy = n[1]
			}
			if !seen[miss] {
				seen[miss] = true
				out = append(out, miss)
			}
			break
		}
	}
	return out
}

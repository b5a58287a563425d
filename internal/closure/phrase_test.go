package closure

import (
	"bytes"
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// The expressions say what the phrases are to find.
var (
	runsRule = regexp.MustCompile(`subprocess|os\.(?:system|popen|exec|spawn)|child_process|execa|execFile|execSync|shutil\.which|spawn|Popen|check_output|` +
		`check_call|\bsystem\(|\bexec\(|\bpopen\(|shell_exec|passthru|proc_open|pcntl_exec|ProcessBuilder|getRuntime\(\)\.exec|qx[{(/]|Open3|Command::new|exec\.Command|` +
		`System\.(?:cmd|shell|Process)|Port\.open|os[:.]cmd|open_port|MuonTrap|Sys\.command|Unix\.(?:open|create)_process|Lwt_process|sys\.process|clojure\.java\.shell|Process\.(?:Start|run)|execCmd|startProcess|` +
		`run-program|open-(?:input-|output-)?pipe|\(system\*? |\(process |process_create|\| getline`)
	runnersRule = regexp.MustCompile(`\x00(?:system|popen|execlp|execvp|execvpe|posix_spawnp)\x00|os/exec\.\(\*Cmd\)\.Start`)
)

func TestPhrases(t *testing.T) {
	parts := []string{"\x00", "os/exec.(*Cmd).Start", "execvp", "\n", "\n", " ", "_", "é", "exec", "os.", "a"}
	for _, p := range slices.Concat(runs, runners) {
		parts = append(parts, p.text, p.text[:len(p.text)-1], p.text[1:])
	}
	rng := rand.New(rand.NewPCG(1, 2))
	found := 0
	for range 20000 {
		var b []byte
		for range 1 + rng.IntN(6) {
			b = append(b, parts[rng.IntN(len(parts))]...)
		}
		if got, want := runners.in(b), runnersRule.Match(b); got != want {
			t.Errorf("%q: whether it runs commands: got %v, want %v", b, got, want)
		}
		starts, at := runs.starts(b), 0
		for line := range bytes.Lines(b) {
			got := slices.ContainsFunc(starts, func(s int) bool { return s >= at && s < at+len(line) })
			if want := runsRule.Match(line); got != want {
				t.Errorf("%q in %q: whether it calls: got %v, want %v", line, b, got, want)
			} else if want {
				found++
			}
			at += len(line)
		}
	}
	if found < 1000 {
		t.Errorf("%d lines with calls were tried: too few", found)
	}
}

// What is found by hand is what the expressions find.
func TestByHand(t *testing.T) {
	dotted := regexp.MustCompile(`["'](?:ext://)?([A-Za-z_]\w*(?:\.\w+)*)["':]`)
	parts := []string{`"`, `'`, `"`, "ext://", "ext:", "a", "b_1", "9", ".", ":", " ", "é", "exec ", "sudo ", "ls", ";", "|", "&&", "(", ")", "<", "\t", strings.Repeat("x", 31), "-", "+"}
	rng := rand.New(rand.NewPCG(3, 4))
	found := [2]int{}
	for range 50000 {
		var b []byte
		for range 1 + rng.IntN(8) {
			b = append(b, parts[rng.IntN(len(parts))]...)
		}
		var want, got []string
		for _, m := range dotted.FindAllSubmatch(b, -1) {
			want = append(want, string(m[1]))
		}
		for name := range dottedNames(b) {
			got = append(got, string(name))
		}
		if !slices.Equal(got, want) {
			t.Errorf("%q: dotted names %q, want %q", b, got, want)
		}
		found[0] += len(want)
		word := ""
		if m := leading.FindSubmatchIndex(b); m != nil {
			word = string(b[m[2]:m[3]])
			found[1]++
		}
		if from, to := leadingWord(b); string(b[from:to]) != word {
			t.Errorf("%q: leading word %q, want %q", b, b[from:to], word)
		}
	}
	if found[0] < 1000 || found[1] < 1000 {
		t.Errorf("%d names and words were found: too few", found)
	}
}

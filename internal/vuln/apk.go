package vuln

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// apkForm is a version of apk (apk-package(5)): numbers, a letter, suffixes, a commit, a revision.
var apkForm = regexp.MustCompile(`^(\d+(?:\.\d+)*)([a-z]?)((?:_(?:alpha|beta|pre|rc|cvs|svn|git|hg|p)\d*)*)(?:~([0-9a-f]+))?(?:-r(\d+))?$`)

var apkSuffix = regexp.MustCompile(`_([a-z]+)(\d*)`)

// apkSuffixes in their order; those up to rc come before the version without one.
var apkSuffixes = []string{"alpha", "beta", "pre", "rc", "", "cvs", "svn", "git", "hg", "p"}

// Kinds of parts, in the order of apk-tools: where one version ends sooner, what the other goes on with decides.
const (
	apkNumber = iota // after a dot
	apkFirst         // the first number, and what follows the zeros with which another begins
	apkLetter
	apkWord // a suffix
	apkWordNumber
	apkCommit
	apkRevision
	apkEnd
)

type apkPart struct {
	kind  int
	value int
	text  string // of a commit
}

// apkParts takes a version apart.
func apkParts(s string) ([]apkPart, error) {
	m := apkForm.FindStringSubmatch(s)
	if m == nil {
		return nil, fmt.Errorf("%q is no version of apk", s)
	}
	var parts []apkPart
	add := func(kind int, digits string) {
		n, err := strconv.Atoi(digits)
		if err != nil {
			n = int(^uint(0) >> 1) // longer than a number can be
		}
		parts = append(parts, apkPart{kind: kind, value: n})
	}
	for n, digits := range strings.Split(m[1], ".") {
		if rest := strings.TrimLeft(digits, "0"); n > 0 && digits[0] == '0' {
			parts = append(parts, apkPart{kind: apkNumber, value: len(rest) - len(digits)}) // less than all numbers
			if rest != "" {
				add(apkFirst, rest)
			}
			continue
		}
		kind := apkNumber
		if n == 0 {
			kind = apkFirst
		}
		add(kind, digits)
	}
	if m[2] != "" {
		parts = append(parts, apkPart{kind: apkLetter, value: int(m[2][0])})
	}
	for _, x := range apkSuffix.FindAllStringSubmatch(m[3], -1) {
		parts = append(parts, apkPart{kind: apkWord, value: slices.Index(apkSuffixes, x[1]) - slices.Index(apkSuffixes, "")})
		if x[2] != "" {
			add(apkWordNumber, x[2])
		}
	}
	if m[4] != "" {
		parts = append(parts, apkPart{kind: apkCommit, text: m[4]})
	}
	if m[5] != "" {
		add(apkRevision, m[5])
	}
	return append(parts, apkPart{kind: apkEnd}), nil
}

// compareAPK orders two versions as apk-tools does (src/version.c). The library that there is for it takes 1.0_rc1 for newer than 1.0.
func compareAPK(a, b string) (int, error) {
	x, err := apkParts(a)
	if err != nil {
		return 0, err
	}
	y, err := apkParts(b)
	if err != nil {
		return 0, err
	}
	for n := range min(len(x), len(y)) {
		p, q := x[n], y[n]
		if p.kind != q.kind {
			switch {
			case p.kind == apkWord && p.value < 0:
				return -1, nil
			case q.kind == apkWord && q.value < 0:
				return 1, nil
			}
			return cmp.Compare(q.kind, p.kind), nil
		}
		if c := cmp.Or(cmp.Compare(p.value, q.value), strings.Compare(p.text, q.text)); c != 0 {
			return c, nil
		}
	}
	return 0, nil
}

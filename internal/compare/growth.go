package compare

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/docker/go-units"
)

// Growth says how much of something may come to an image.
type Growth struct {
	What    string  `json:"what"`              // one of Measures
	Amount  int64   `json:"amount,omitempty"`  // bytes, or a number
	Percent float64 `json:"percent,omitempty"` // instead of Amount; of what it was
}

// Judged is a growth that was judged.
type Judged struct {
	Growth
	From   int   `json:"from"` // indexes of the images, from 1
	To     int   `json:"to"`
	Before int64 `json:"before"`
	After  int64 `json:"after"`
	Limit  int64 `json:"limit"` // the most that After may be
	Over   bool  `json:"over"`
}

// measure is what growth is judged by.
type measure struct {
	name  string
	bytes bool
	of    func(*Image) int64
}

var measures = []measure{
	{"pull", true, func(i *Image) int64 { return i.PullBytes }},
	{"disk", true, func(i *Image) int64 { return i.DiskBytes }},
	{"layers", false, func(i *Image) int64 { return int64(len(i.Layers)) }},
	{"files", false, func(i *Image) int64 { return int64(i.Files) }},
	{"packages", false, func(i *Image) int64 { return int64(len(i.Packages)) }},
	{"setuid", false, func(i *Image) int64 { return int64(len(i.Surface.Setuid)) }},
	{"capabilities", false, func(i *Image) int64 { return int64(len(i.Surface.Capabilities)) }},
	{"ports", false, func(i *Image) int64 { return int64(len(i.Surface.Ports)) }},
	{"vulnerabilities", false, func(i *Image) int64 { return int64(len(i.Vulnerabilities)) }},
}

// Measures are the names of what growth is judged by.
func Measures() []string {
	var names []string
	for _, m := range measures {
		names = append(names, m.name)
	}
	return names
}

// IsBytes reports whether a measure is one of bytes.
func IsBytes(what string) bool {
	return slices.ContainsFunc(measures, func(m measure) bool { return m.name == what && m.bytes })
}

// Measure is an image's figure of a measure.
func Measure(i *Image, what string) int64 {
	for _, m := range measures {
		if m.name == what {
			return m.of(i)
		}
	}
	return 0
}

// ParseGrowth reads "pull=2MB", "disk=5%" or "packages=3".
func ParseGrowth(s string) (Growth, error) {
	what, amount, ok := strings.Cut(s, "=")
	if !ok || !slices.Contains(Measures(), what) {
		return Growth{}, fmt.Errorf("%q: want WHAT=AMOUNT, such as pull=2MB, disk=5%% or packages=3; WHAT is one of %s", s, strings.Join(Measures(), ", "))
	}
	g := Growth{What: what}
	var err error
	switch p, percent := strings.CutSuffix(amount, "%"); {
	case percent:
		g.Percent, err = strconv.ParseFloat(p, 64)
		if err == nil && (g.Percent < 0 || math.IsInf(g.Percent, 0) || math.IsNaN(g.Percent)) {
			err = fmt.Errorf("a growth is not negative")
		}
	case IsBytes(what):
		g.Amount, err = units.FromHumanSize(amount)
	default:
		g.Amount, err = strconv.ParseInt(amount, 10, 32)
	}
	if err == nil && g.Amount < 0 {
		err = fmt.Errorf("a growth is not negative")
	}
	if err != nil {
		return Growth{}, fmt.Errorf("%q: %w", s, err)
	}
	return g, nil
}

// Judge compares an image with an earlier one.
func (g Growth) Judge(before, after *Image) Judged {
	j := Judged{Growth: g, Before: Measure(before, g.What), After: Measure(after, g.What)}
	j.Limit = j.Before + g.Amount + int64(float64(j.Before)*g.Percent/100)
	j.Over = j.After > j.Limit
	return j
}

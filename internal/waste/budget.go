package waste

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml"

	"github.com/lighten/lighten/internal/check"
)

// Limit is the most that an image may have of something; of efficiency, the least.
type Limit struct {
	What   string // efficiency, wasted, user-wasted, pull, disk, layers, or the rule of a category
	Value  float64
	Source string // who says so: a flag or a file
}

// Units of limits.
const (
	Bytes = "bytes"
	Count = "count" // layers, or, of class Security, places
	Share = "share" // from 0 to 1
)

// Unit is the unit of the limit's value; "" when there is no such thing to limit.
func (l Limit) Unit() string {
	switch l.What {
	case "efficiency", "user-wasted":
		return Share
	case "wasted", "pull", "disk":
		return Bytes
	case "layers":
		return Count
	}
	switch c := Find(l.What); {
	case c == nil:
		return ""
	case c.Class == Security:
		return Count
	}
	return Bytes
}

// ParseLimit reads a limit: a size (20MB, 20MiB, 0), a number, or a share (95% or 0.95).
func ParseLimit(what, text, source string) (Limit, error) {
	l := Limit{What: what, Source: source}
	text = strings.TrimSpace(text)
	var err error
	switch l.Unit() {
	case Bytes:
		if text != "0" {
			var n check.Size
			n, err = check.ParseSize(text)
			l.Value = float64(n)
		}
	case Count:
		var n uint64
		if n, err = strconv.ParseUint(text, 10, 31); err != nil {
			err = fmt.Errorf("%q: want a number, such as 12", text)
		}
		l.Value = float64(n)
	case Share:
		number, percent := strings.CutSuffix(text, "%")
		if l.Value, err = strconv.ParseFloat(number, 64); percent {
			l.Value /= 100
		}
		if err != nil || !(l.Value >= 0 && l.Value <= 1) {
			err = fmt.Errorf("%q: want a share, such as 95%% or 0.95", text)
		}
	default:
		err = fmt.Errorf("there is no such thing to limit; there is efficiency, wasted, user-wasted, pull, disk, layers, and the rules of findings, such as %s", Categories[len(overlay)].Rule)
	}
	if err != nil {
		return l, fmt.Errorf("budget for %q: %w", what, err)
	}
	return l, nil
}

// Found is what the image has of what a limit is about.
func (a *Analysis) Found(l Limit) float64 {
	switch l.What {
	case "efficiency":
		return a.Efficiency()
	case "wasted":
		return float64(a.Wasted.Bytes)
	case "user-wasted":
		return a.userWasted()
	case "pull":
		return float64(a.Size.Pull)
	case "disk":
		return float64(a.Size.Disk)
	case "layers":
		return float64(len(a.Layers))
	}
	for _, f := range a.Findings {
		switch {
		case f.Rule != l.What:
		case l.Unit() == Count:
			return float64(len(f.Places) + f.Others)
		default:
			return float64(f.Bytes)
		}
	}
	return 0
}

// userWasted is the waste as a share of what the layers above the first hold, as dive counts.
func (a *Analysis) userWasted() float64 {
	var user int64
	for i, l := range a.Layers {
		if i > 0 {
			user += l.DiskBytes
		}
	}
	if user == 0 {
		return 0
	}
	return min(1, float64(a.Wasted.Bytes)/float64(user))
}

// FileLimits returns the limits of lighten.yaml.
func FileLimits(name string, b check.Budget) ([]Limit, error) {
	var all []Limit
	add := func(what, text string) error {
		l, err := ParseLimit(what, text, name)
		all = append(all, l)
		return err
	}
	for _, x := range []struct {
		what string
		size check.Size
	}{{"pull", b.Pull}, {"disk", b.Disk}} {
		if x.size > 0 {
			all = append(all, Limit{What: x.what, Value: float64(x.size), Source: name})
		}
	}
	for _, x := range []struct{ what, text string }{{"wasted", b.Wasted}, {"efficiency", b.Efficiency}, {"layers", b.Layers}} {
		if x.text != "" {
			if err := add(x.what, x.text); err != nil {
				return nil, fmt.Errorf("%s: %w", name, err)
			}
		}
	}
	for rule, text := range b.Findings {
		if Find(rule) == nil {
			return nil, fmt.Errorf("%s: budget for %q: no finding has this rule; `lighten inspect --format json` names them", name, rule)
		}
		if err := add(rule, text); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
	}
	slices.SortStableFunc(all, func(a, b Limit) int { return cmp.Compare(order(a), order(b)) })
	return all, nil
}

// ofImage is what limits of the whole image are about.
var ofImage = []string{"efficiency", "wasted", "user-wasted", "pull", "disk", "layers"}

// Limited lists what a limit can be about.
func Limited() []string {
	all := slices.Clone(ofImage)
	for _, c := range Categories {
		all = append(all, c.Rule)
	}
	return all
}

// order sorts limits: those of the whole image first, then by rule.
func order(l Limit) string {
	if i := slices.Index(ofImage, l.What); i >= 0 {
		return strconv.Itoa(i)
	}
	return "~" + l.What
}

// diveRules are the rules of dive's configuration, and what holds where the file is silent.
var diveRules = []struct{ rule, what, standard string }{
	{"lowestEfficiency", "efficiency", "0.9"}, {"highestWastedBytes", "wasted", "disabled"}, {"highestUserWastedPercent", "user-wasted", "0.1"},
}

// ParseDive reads a .dive-ci, the configuration of `dive --ci`, with dive's own defaults. Rules of plug-ins count for
// nothing. Waste is what this package finds, not what dive does.
func ParseDive(name string, src []byte) ([]Limit, error) {
	var file struct {
		Rules map[string]any `yaml:"rules"`
	}
	if err := yaml.Unmarshal(src, &file); err != nil {
		return nil, fmt.Errorf("reading %s: %w", name, err)
	}
	var all []Limit
	for _, r := range diveRules {
		text := r.standard
		if v, ok := file.Rules[r.rule]; ok {
			text = fmt.Sprint(v)
		}
		switch strings.ToLower(strings.TrimSpace(text)) {
		case "", "disabled", "off", "false", "<nil>":
			continue
		}
		l, err := ParseLimit(r.what, text, name+" "+r.rule)
		if err != nil {
			return nil, fmt.Errorf("reading %s: rule %s: %w", name, r.rule, err)
		}
		all = append(all, l)
	}
	return all, nil
}

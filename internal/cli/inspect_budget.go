package cli

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/lighten/lighten/internal/check"
	"github.com/lighten/lighten/internal/report"
	"github.com/lighten/lighten/internal/waste"
)

// inspectLimits joins the limits of lighten.yaml and .dive-ci, where --ci asks for them, and of --budget. Of two for the
// same thing the flag's counts, then that of lighten.yaml.
func inspectLimits(o *inspectFlags) ([]waste.Limit, error) {
	var all []waste.Limit
	add := func(more ...waste.Limit) {
		for _, l := range more {
			if !slices.ContainsFunc(all, func(x waste.Limit) bool { return x.What == l.What }) {
				all = append(all, l)
			}
		}
	}
	for _, s := range o.budget {
		what, limit, ok := strings.Cut(s, "=")
		if !ok {
			return nil, fmt.Errorf("reading --budget %q: want NAME=LIMIT, such as wasted=20MB", s)
		}
		l, err := waste.ParseLimit(what, limit, "--budget")
		if err != nil {
			return nil, fmt.Errorf("reading --budget %q: %w", s, err)
		}
		add(l)
	}
	if !o.ci {
		return all, nil
	}
	for _, f := range []struct {
		name string
		read func(string, []byte) ([]waste.Limit, error)
	}{{"lighten.yaml", fileLimits}, {".dive-ci", waste.ParseDive}} {
		src, err := os.ReadFile(f.name)
		if errors.Is(err, os.ErrNotExist) {
			continue
		} else if err != nil {
			return nil, fmt.Errorf("reading the budget: %w", err)
		}
		limits, err := f.read(f.name, src)
		if err != nil {
			return nil, err
		}
		add(limits...)
	}
	if len(all) == 0 {
		return nil, errors.New("reading the budget: --ci finds none: neither lighten.yaml nor .dive-ci here has one; add one, or --budget wasted=20MB")
	}
	return all, nil
}

func fileLimits(name string, src []byte) ([]waste.Limit, error) {
	f, err := check.Parse(name, src)
	if err != nil {
		return nil, err
	}
	return waste.FileLimits(name, f.Budget)
}

// budgetNames are what --budget limits, for the shell.
func budgetNames() []string {
	var names []string
	for _, n := range waste.Limited() {
		names = append(names, n+"=")
	}
	return names
}

// judge says what the image has of each limit.
func judge(a *waste.Analysis, limits []waste.Limit) (all []report.InspectLimit) {
	for _, l := range limits {
		all = append(all, report.InspectLimit{What: l.What, Limit: l.Value, Found: a.Found(l), Unit: l.Unit(), Least: l.What == "efficiency", Source: l.Source})
	}
	return all
}

// overBudget is the error of an image that is over a limit.
func overBudget(limits []report.InspectLimit) error {
	var over []string
	for _, l := range limits {
		if l.Over() {
			over = append(over, l.What)
		}
	}
	if len(over) == 0 {
		return nil
	}
	return findings{"over budget: " + strings.Join(over, ", ")}
}

package waste

import "github.com/lighten/lighten/internal/needless"

// Class says what a category is about.
type Class string

// The classes. A path's bytes count in one category of the classes Overlay and Cost together, so that sums of these are
// honest. Security and Note look at all paths again.
const (
	Overlay  Class = "overlay"  // bytes that no container sees
	Cost     Class = "cost"     // files that the image works without, as far as their kind tells
	Security Class = "security" // what an attacker is glad of
	Note     Class = "note"     // worth a look; what it saves depends
)

// Classes lists the classes in the order of reports.
var Classes = []Class{Overlay, Cost, Security, Note}

// Category is a kind of finding.
type Category struct {
	Rule   string // its name in budgets and JSON, such as "apt-lists"
	Title  string // a line's beginning, such as "lists of apt"
	Class  Class
	Advice string // what a user would do, in the Dockerfile

	kind needless.Kind            // its paths, for a category that is told by places
	find func(*finder, *Category) // finds it otherwise
}

// Categories holds every category. A path that two could claim is the former's.
var Categories = join(overlay, caches, []*Category{buildTools}, contents, derived, security, notes)

func join(tables ...[]*Category) (all []*Category) {
	for _, t := range tables {
		all = append(all, t...)
	}
	return all
}

// Find returns the category with that rule, nil when there is none.
func Find(rule string) *Category {
	for _, c := range Categories {
		if c.Rule == rule {
			return c
		}
	}
	return nil
}

// Finding is a category with what an image has of it.
type Finding struct {
	*Category
	Amount
	Places []Place // the largest first, no more than MaxPlaces
	Exact  bool    // Pull is measured (see [Analysis.Measure]); else it is an estimate
	Left   Amount  // what further places hold
	Others int     // how many those are
}

// MaxPlaces is how many places of a finding are named.
const MaxPlaces = 50

// Place is where files of a finding lie: a file, a directory, or a package. A secret's place never says its value.
type Place struct {
	Path  string // directory or file; "" when it is no place in the file system
	Note  string // what else there is to say: the package, other paths with the same content, who hides it
	Layer int    // that holds it; of several the lowest; -1: none
	By    int    // the layer that hides it, -1 when it is seen
	Amount
}

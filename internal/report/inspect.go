package report

import (
	"encoding/json"
	"fmt"
	"io"
)

// InspectSchema names the version of the JSON form of Inspect. Fields are only
// ever added below one version; see docs/json.md.
const InspectSchema = "lighten.inspect/v1"

// InspectFormats lists the values of `lighten inspect --format`.
var InspectFormats = []string{"table", "json", "markdown", "csv"}

// Inspect is the result of one `lighten inspect`. Figures of pull are bytes of
// the compressed layers; those below the level of a layer are estimates unless
// Exact is set.
type Inspect struct {
	Schema          string           `json:"schema"`
	Image           string           `json:"image"`            // as asked for
	Digest          string           `json:"digest,omitempty"` // of the manifest; "" when the source holds none
	ID              string           `json:"id"`               // digest of the configuration
	Platform        string           `json:"platform"`
	Created         string           `json:"created,omitempty"` // RFC 3339
	PullBytes       int64            `json:"pull_bytes"`
	PullEstimated   bool             `json:"pull_estimated"` // the source holds layers uncompressed
	DiskBytes       int64            `json:"disk_bytes"`
	VisibleBytes    int64            `json:"visible_bytes"` // what a container sees of DiskBytes
	WastedBytes     int64            `json:"wasted_bytes"`  // the rest
	WastedPullBytes int64            `json:"wasted_pull_bytes"`
	Efficiency      float64          `json:"efficiency"` // VisibleBytes / DiskBytes
	Exact           bool             `json:"exact"`      // pull of findings is measured by compressing without them
	FileCount       int              `json:"file_count"` // that a container sees
	Packages        int              `json:"packages"`
	Libc            string           `json:"libc"`
	User            string           `json:"user"`
	Shell           string           `json:"shell"`
	Base            *InspectBase     `json:"base,omitempty"`
	Layers          []InspectLayer   `json:"layers"`
	Findings        []InspectFinding `json:"findings"`
	Owners          []InspectOwner   `json:"owners"`
	Files           []InspectFile    `json:"files,omitempty"`
	Budget          []InspectLimit   `json:"budget,omitempty"`
	Notes           []string         `json:"notes,omitempty"`
	Seconds         float64          `json:"seconds"`
}

// InspectBase is the image that this one was built on.
type InspectBase struct {
	Name      string `json:"name"`
	Digest    string `json:"digest,omitempty"`
	Layers    int    `json:"layers"`               // how many of the layers are its; 0: not known
	How       string `json:"how"`                  // what tells so
	Guess     bool   `json:"guess,omitempty"`      // nothing states it
	PullBytes int64  `json:"pull_bytes,omitempty"` // of its layers
	DiskBytes int64  `json:"disk_bytes,omitempty"`
	Advice    string `json:"advice,omitempty"` // newer or smaller ones
}

// InspectLayer is a layer, and what became of its content.
type InspectLayer struct {
	Index           int             `json:"index"` // from 1, the base's first
	Digest          string          `json:"digest,omitempty"`
	DiffID          string          `json:"diff_id"`
	CreatedBy       string          `json:"created_by"`       // as the history says
	Step            string          `json:"step"`             // the same as a Dockerfile would
	Source          string          `json:"source,omitempty"` // FILE:LINE, where provenance tells
	PullBytes       int64           `json:"pull_bytes"`
	PullEstimated   bool            `json:"pull_estimated"`
	DiskBytes       int64           `json:"disk_bytes"`
	Files           int             `json:"files"`
	VisibleBytes    int64           `json:"visible_bytes"`
	HiddenBytes     int64           `json:"hidden_bytes"`
	HidesBytes      int64           `json:"hides_bytes"` // of lower layers
	HiddenByKind    []InspectAmount `json:"hidden"`
	HidesByKind     []InspectAmount `json:"hides"`
	HiddenPullBytes int64           `json:"hidden_pull_bytes"`
}

// InspectAmount is a number of files of one kind, and their bytes.
type InspectAmount struct {
	Kind      string `json:"kind"`
	Files     int    `json:"files"`
	Bytes     int64  `json:"bytes"`
	PullBytes int64  `json:"pull_bytes"`
}

// InspectFinding is what an image has of one category.
type InspectFinding struct {
	Rule      string         `json:"rule"`
	Title     string         `json:"title"`
	Class     string         `json:"class"` // overlay, cost, security, note
	Advice    string         `json:"advice"`
	Files     int            `json:"files"`
	Bytes     int64          `json:"bytes"`
	PullBytes int64          `json:"pull_bytes"`
	Exact     bool           `json:"exact,omitempty"` // PullBytes is measured
	Places    []InspectPlace `json:"places"`
	Others    int            `json:"other_places"` // that are not named
}

// InspectPlace is where files of a finding lie.
type InspectPlace struct {
	Path      string `json:"path"`
	Note      string `json:"note,omitempty"`
	Layer     int    `json:"layer,omitempty"`     // from 1; 0 for none, or several
	HiddenBy  int    `json:"hidden_by,omitempty"` // layer, from 1
	Files     int    `json:"files"`
	Bytes     int64  `json:"bytes"`
	PullBytes int64  `json:"pull_bytes"`
}

// InspectOwner is who brought visible files: a package, or a layer, of what
// belongs to no package.
type InspectOwner struct {
	Ecosystem string `json:"ecosystem,omitempty"` // "" for a layer
	Name      string `json:"name"`                // the package's, or the layer's step
	Version   string `json:"version,omitempty"`
	Layer     int    `json:"layer,omitempty"` // of a layer, from 1
	Files     int    `json:"files"`
	Bytes     int64  `json:"bytes"`
	PullBytes int64  `json:"pull_bytes"`
}

// InspectFile is a path of one layer. A path that several layers bring comes
// once for each.
type InspectFile struct {
	Path      string `json:"path"`
	Type      string `json:"type"` // file, link (hard), symlink, dir, other
	Mode      string `json:"mode"` // octal
	UID       int    `json:"uid"`
	GID       int    `json:"gid"`
	Layer     int    `json:"layer"` // from 1
	Bytes     int64  `json:"bytes"` // of a hard link 0: they count at its first name
	PullBytes int64  `json:"pull_bytes"`
	Target    string `json:"target,omitempty"`         // of links
	Owner     int    `json:"owner"`                    // index into owners; -1: none (directories, hidden files)
	Category  string `json:"category,omitempty"`       // rule of the finding of class overlay or cost that it counts in
	Wasted    int64  `json:"category_bytes,omitempty"` // how many of Bytes count in it
	HiddenBy  int    `json:"hidden_by,omitempty"`      // layer, from 1
	Hidden    string `json:"hidden,omitempty"`         // kind
}

// InspectLimit is one limit of a budget and what the image has.
type InspectLimit struct {
	What   string  `json:"what"`  // efficiency, wasted, wasted-percent, pull, disk, layers, or a finding's rule
	Limit  float64 `json:"limit"` // bytes, layers, files, or a share from 0 to 1
	Found  float64 `json:"found"`
	Unit   string  `json:"unit"`            // bytes, count or share
	Least  bool    `json:"least,omitempty"` // Limit is the least, not the most
	Source string  `json:"source"`          // flag, or file
}

// Over tells whether the limit is exceeded.
func (l InspectLimit) Over() bool {
	if l.Least {
		return l.Found < l.Limit
	}
	return l.Found > l.Limit
}

// Write prints r in the given format, at most width columns wide for the
// table (0: 100).
func (r *Inspect) Write(w io.Writer, format string, width int) error {
	switch format {
	case "", "table":
		return r.table(w, width)
	case "markdown":
		return r.markdown(w)
	case "csv":
		return r.csv(w)
	case "json":
		e := json.NewEncoder(w)
		e.SetEscapeHTML(false)
		e.SetIndent("", "  ")
		return e.Encode(r)
	}
	return fmt.Errorf("printing the report: unknown format %q: use table, json, markdown or csv", format)
}

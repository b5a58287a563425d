package report

import (
	"bytes"
	"cmp"
	"compress/gzip"
	"encoding/base64"
	"encoding/json"
	"path"
	"slices"
	"strconv"
	"strings"
)

// pageData is what the page's script reads: columns, since files have much in common, and directories by number, since
// paths do. Compressed, 100,000 files are about a megabyte.
type pageData struct {
	Image  string      `json:"image"`
	Steps  []string    `json:"steps"`  // by layer, from 0
	Owners [][3]string `json:"owners"` // ecosystem, name and version, layer's number
	Rules  [][4]string `json:"rules"`  // rule, title, class, advice
	Kinds  []string    `json:"kinds"`  // of hiding
	Types  []string    `json:"types"`
	Users  []string    `json:"users"` // mode, user and group
	Dirs   pageDirs    `json:"dirs"`
	Files  pageFiles   `json:"files"`
}

// pageDirs are the directories, each after the one it lies in.
type pageDirs struct {
	Parent []int    `json:"parent"` // -1 for the root, the first
	Name   []string `json:"name"`
}

// pageFiles are the files, sorted by path and layer. What is a number names an entry of the tables above, -1 none.
type pageFiles struct {
	Dir    []int          `json:"dir"`
	Name   []string       `json:"name"`
	Bytes  []int64        `json:"bytes"`
	Pull   []int64        `json:"pull"`
	Wasted []int64        `json:"wasted"`
	Layer  []int          `json:"layer"` // from 1
	By     []int          `json:"by"`    // layer that hides it, from 1; 0: none
	Kind   []int          `json:"kind"`
	Owner  []int          `json:"owner"`
	Rule   []int          `json:"rule"`
	Type   []int          `json:"type"`
	User   []int          `json:"user"`
	Target map[int]string `json:"target"`
}

// numbers gives texts numbers, in the order in which they come.
type numbers struct {
	of  map[string]int
	all []string
}

func (n *numbers) number(s string) int {
	if i, ok := n.of[s]; ok {
		return i
	}
	if n.of == nil {
		n.of = map[string]int{}
	}
	n.of[s] = len(n.all)
	n.all = append(n.all, s)
	return len(n.all) - 1
}

// pageData returns the data as base64 of gzipped JSON.
func (r *Inspect) pageData() (string, error) {
	d := pageData{Image: Clean(r.Image), Steps: []string{}, Owners: [][3]string{}, Rules: [][4]string{}}
	for _, l := range r.Layers {
		d.Steps = append(d.Steps, Clean(l.Step))
	}
	for _, o := range r.Owners {
		d.Owners = append(d.Owners, [3]string{Clean(o.Ecosystem), Clean(strings.TrimSpace(o.Name + " " + o.Version)), number(o.Layer)})
	}
	rules := map[string]int{}
	for _, f := range r.Findings {
		rules[f.Rule] = len(d.Rules)
		d.Rules = append(d.Rules, [4]string{f.Rule, Clean(f.Title), f.Class, Clean(f.Advice)})
	}
	d.fill(r.Files, rules)
	var text bytes.Buffer
	b64 := base64.NewEncoder(base64.StdEncoding, &text)
	zw, err := gzip.NewWriterLevel(b64, gzip.BestCompression)
	if err != nil {
		return "", err
	}
	if err := json.NewEncoder(zw).Encode(d); err != nil {
		return "", err
	}
	if err := zw.Close(); err != nil {
		return "", err
	}
	err = b64.Close()
	return text.String(), err
}

func (d *pageData) fill(files []InspectFile, rules map[string]int) {
	order := make([]int, 0, len(files))
	for i := range files {
		if files[i].Type != "dir" {
			order = append(order, i)
		}
	}
	slices.SortFunc(order, func(a, b int) int {
		x, y := &files[a], &files[b]
		return cmp.Or(strings.Compare(path.Dir(x.Path), path.Dir(y.Path)), strings.Compare(x.Path, y.Path), cmp.Compare(x.Layer, y.Layer))
	})
	dirs := map[string]int{"/": 0}
	d.Dirs = pageDirs{Parent: []int{-1}, Name: []string{""}}
	var kinds, types, users numbers
	f := &d.Files
	*f = pageFiles{Dir: []int{}, Name: []string{}, Target: map[int]string{}}
	for n, i := range order {
		x := &files[i]
		f.Dir = append(f.Dir, d.Dirs.number(dirs, path.Dir(x.Path)))
		f.Name = append(f.Name, Clean(path.Base(x.Path)))
		f.Bytes, f.Pull, f.Wasted = append(f.Bytes, x.Bytes), append(f.Pull, x.PullBytes), append(f.Wasted, x.Wasted)
		f.Layer, f.By = append(f.Layer, x.Layer), append(f.By, x.HiddenBy)
		f.Kind, f.Owner = append(f.Kind, kinds.number(x.Hidden)), append(f.Owner, x.Owner)
		rule, ok := rules[x.Category]
		if !ok {
			rule = -1
		}
		f.Rule, f.Type = append(f.Rule, rule), append(f.Type, types.number(x.Type))
		f.User = append(f.User, users.number(x.Mode+" "+strconv.Itoa(x.UID)+":"+strconv.Itoa(x.GID)))
		if x.Target != "" {
			f.Target[n] = Clean(x.Target)
		}
	}
	d.Kinds, d.Types, d.Users = kinds.all, types.all, users.all
}

// number returns a directory's number, and gives it one, as well as those above it, if it has none.
func (d *pageDirs) number(known map[string]int, dir string) int {
	if n, ok := known[dir]; ok {
		return n
	}
	parent := d.number(known, path.Dir(dir))
	n := len(d.Name)
	known[dir] = n
	d.Parent, d.Name = append(d.Parent, parent), append(d.Name, Clean(path.Base(dir)))
	return n
}

package inventory

import (
	"path"
	"strings"
)

const (
	apkInstalled    = "/lib/apk/db/installed"
	apkInstalledUsr = "/usr/lib/apk/db/installed" // Alpine with a merged /usr
)

// apkPackage is a paragraph of apk's database: its fields by letter, and its files.
type apkPackage struct {
	name, version, arch, origin string
	depends, provides           []string
	files                       []string // absolute
}

// readAPK reads apk's database.
func readAPK(i *Inventory) error {
	file := apkInstalled
	b, err := i.content(file)
	if err == nil && b == nil {
		file = apkInstalledUsr
		b, err = i.content(file)
	}
	if err != nil {
		return err
	}
	all := parseAPK(b)
	providers := map[string]string{}
	for _, a := range all {
		for _, p := range a.provides {
			if providers[p] == "" {
				providers[p] = a.name
			}
		}
	}
	for _, a := range all {
		providers[a.name] = a.name
	}
	for _, a := range all {
		p := Package{Ecosystem: APK, Name: a.name, Version: a.version, Arch: a.arch, Source: a.origin}
		for _, d := range a.depends {
			name := providers[d]
			if name == "" && strings.HasPrefix(d, "/") {
				name = fileProvider(all, d)
			}
			if name == "" {
				name = d
			}
			if name != a.name {
				p.Depends = append(p.Depends, name)
			}
		}
		pkg := i.add(p)
		for _, f := range a.files {
			i.own(f, pkg)
		}
	}
	return nil
}

// fileProvider finds who brings a path that a package depends on ("/bin/sh").
func fileProvider(all []apkPackage, p string) string {
	for _, a := range all {
		for _, f := range a.files {
			if f == p {
				return a.name
			}
		}
	}
	return ""
}

// parseAPK reads the installed database (apk-package(5)): paragraphs of lines "X:value".
func parseAPK(b []byte) []apkPackage {
	var all []apkPackage
	var a apkPackage
	dir := "/"
	flush := func() {
		if a.name != "" {
			all = append(all, a)
		}
		a, dir = apkPackage{}, "/"
	}
	for line := range strings.Lines(string(b)) {
		line = strings.TrimRight(line, "\r\n")
		if line == "" {
			flush()
			continue
		}
		key, value, ok := strings.Cut(line, ":")
		if !ok {
			continue
		}
		switch key {
		case "P":
			a.name = value
		case "V":
			a.version = value
		case "A":
			a.arch = value
		case "o":
			a.origin = value
		case "D":
			a.depends = apkNames(value)
		case "p":
			a.provides = apkNames(value)
		case "F":
			dir = path.Clean("/" + value)
		case "R":
			a.files = append(a.files, path.Join(dir, value))
		}
	}
	flush()
	return all
}

// apkNames reads "a>=1 so:libx.so.1=2 !b" as names; what must not be there is left out.
func apkNames(s string) []string {
	var names []string
	for w := range strings.FieldsSeq(s) {
		if strings.HasPrefix(w, "!") {
			continue
		}
		if end := strings.IndexAny(w, "<>=~@"); end >= 0 {
			w = w[:end]
		}
		if w != "" {
			names = append(names, w)
		}
	}
	return names
}

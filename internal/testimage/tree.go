package testimage

import (
	"archive/tar"
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"path"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// Tree is a file system as a test value: absolute paths, a directory's with a slash at the end, and what is there.
//
//	"/app/":            "dir 0755"
//	"/app/run":         "file 4755 #!/bin/sh\n"   mode in octal with setuid, setgid and sticky bits; then the content
//	"/app/data":        "file 0644 @33:33 text"   owner, 0:0 when not said
//	"/app/big":         "noise 0644 1048576"      so many bytes that do not compress, the same every time
//	"/app/zero":        "zeros 0644 1048576"      so many zero bytes
//	"/app/link":        "symlink /app/run"
//	"/app/same":        "hardlink /app/run"
//	"/dev/null":        "char 0666 1:3"           also block
//	"/run/pipe":        "fifo 0600"
//	"/app/.wh.old":     "file 0000"               a whiteout, as in any layer
//
// Every file and directory has the modification time [ModTime].
type Tree map[string]string

// ModTime is the time of everything in a [Tree].
var ModTime = time.Date(2024, 1, 2, 3, 4, 5, 0, time.UTC)

// Entry is one tar entry, for layers whose order or oddity matters.
type Entry struct {
	Header  tar.Header
	Content []byte
}

// Entries returns the tar entries of a tree, in the order of their paths; hard links come last, as their targets
// have to be there.
func (tree Tree) Entries() ([]Entry, error) {
	var entries, links []Entry
	for _, p := range slices.Sorted(maps.Keys(tree)) {
		e, err := parseEntry(p, tree[p])
		if err != nil {
			return nil, fmt.Errorf("tree entry %q: %q: %w", p, tree[p], err)
		}
		if e.Header.Typeflag == tar.TypeLink {
			links = append(links, e)
		} else {
			entries = append(entries, e)
		}
	}
	return append(entries, links...), nil
}

func parseEntry(p, text string) (Entry, error) {
	if !strings.HasPrefix(p, "/") {
		return Entry{}, errors.New("path is not absolute")
	}
	kind, rest, _ := strings.Cut(text, " ")
	e := Entry{Header: tar.Header{Name: strings.TrimPrefix(p, "/"), ModTime: ModTime, Format: tar.FormatPAX}}
	if (kind == "dir") != strings.HasSuffix(p, "/") {
		return Entry{}, errors.New("a directory's path ends with a slash, no other does")
	}
	switch kind {
	case "symlink":
		e.Header.Typeflag, e.Header.Linkname, e.Header.Mode = tar.TypeSymlink, rest, 0o777
		return e, nil
	case "hardlink":
		e.Header.Typeflag, e.Header.Linkname, e.Header.Mode = tar.TypeLink, strings.TrimPrefix(rest, "/"), 0o644
		return e, nil
	}
	mode, rest, _ := strings.Cut(rest, " ")
	m, err := strconv.ParseInt(mode, 8, 32)
	if err != nil {
		return Entry{}, fmt.Errorf("mode: %w", err)
	}
	e.Header.Mode = m
	if strings.HasPrefix(rest, "@") {
		owner, after, _ := strings.Cut(rest[1:], " ")
		if _, err := fmt.Sscanf(owner, "%d:%d", &e.Header.Uid, &e.Header.Gid); err != nil {
			return Entry{}, fmt.Errorf("owner: %w", err)
		}
		rest = after
	}
	err = e.fill(kind, rest)
	e.Header.Size = int64(len(e.Content))
	return e, err
}

// fill sets what the kind of an entry says beside its mode and owner.
func (e *Entry) fill(kind, rest string) error {
	e.Header.Typeflag = tar.TypeReg
	switch kind {
	case "dir":
		e.Header.Typeflag = tar.TypeDir
	case "file":
		e.Content = []byte(rest)
	case "fifo":
		e.Header.Typeflag = tar.TypeFifo
	case "char", "block":
		e.Header.Typeflag = tar.TypeChar
		if kind == "block" {
			e.Header.Typeflag = tar.TypeBlock
		}
		_, err := fmt.Sscanf(rest, "%d:%d", &e.Header.Devmajor, &e.Header.Devminor)
		return err
	case "noise", "zeros":
		n, err := strconv.Atoi(rest)
		if err != nil {
			return fmt.Errorf("size: %w", err)
		}
		e.Content = make([]byte, n)
		if kind == "noise" {
			// Seeded by the name, so that two files differ and every run is the same.
			var seed [32]byte
			copy(seed[:], path.Base(e.Header.Name))
			rand.NewChaCha8(seed).Read(e.Content)
		}
	default:
		return fmt.Errorf("unknown kind %q", kind)
	}
	return nil
}

// WriteTar writes entries as a tar archive.
func WriteTar(w io.Writer, entries ...Entry) error {
	tw := tar.NewWriter(w)
	for _, e := range entries {
		h := e.Header
		if err := tw.WriteHeader(&h); err != nil {
			return fmt.Errorf("writing tar entry %q: %w", h.Name, err)
		}
		if _, err := tw.Write(e.Content); err != nil {
			return fmt.Errorf("writing tar entry %q: %w", h.Name, err)
		}
	}
	return tw.Close()
}

// Tar returns a tree as a tar archive.
func Tar(t testing.TB, tree Tree) []byte {
	t.Helper()
	entries, err := tree.Entries()
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := WriteTar(&b, entries...); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// ReadTree returns the tree that a tar archive holds, in the notation of [Tree]: what [Tree.Entries] writes comes
// back the same, but for "noise" and "zeros", which come back as files.
func ReadTree(r io.Reader) (Tree, error) {
	tree := Tree{}
	tr := tar.NewReader(r)
	for {
		h, err := tr.Next()
		if err == io.EOF {
			return tree, nil
		} else if err != nil {
			return nil, err
		}
		p := path.Clean("/" + h.Name)
		text := fmt.Sprintf("%04o", h.Mode&0o7777)
		if h.Uid != 0 || h.Gid != 0 {
			text += fmt.Sprintf(" @%d:%d", h.Uid, h.Gid)
		}
		switch h.Typeflag {
		case tar.TypeDir:
			tree[strings.TrimSuffix(p, "/")+"/"] = "dir " + text
		case tar.TypeSymlink:
			tree[p] = "symlink " + h.Linkname
		case tar.TypeLink:
			tree[p] = "hardlink " + path.Clean("/"+h.Linkname)
		case tar.TypeFifo:
			tree[p] = "fifo " + text
		case tar.TypeChar:
			tree[p] = fmt.Sprintf("char %s %d:%d", text, h.Devmajor, h.Devminor)
		case tar.TypeBlock:
			tree[p] = fmt.Sprintf("block %s %d:%d", text, h.Devmajor, h.Devminor)
		case tar.TypeReg:
			content, err := io.ReadAll(tr)
			if err != nil {
				return nil, fmt.Errorf("reading %s: %w", p, err)
			}
			tree[p] = strings.TrimSuffix("file "+text+" "+string(content), " ")
		default:
			return nil, fmt.Errorf("reading %s: unknown type %q", p, h.Typeflag)
		}
	}
}

package image_test

import (
	"archive/tar"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/lighten/lighten/internal/image"
	"github.com/lighten/lighten/internal/testimage"
)

func FuzzParseReference(f *testing.F) {
	for _, s := range []string{"alpine", "docker://alpine:3.20", "oci:dir:tag", "oci:a:b:c@sha256:00", "docker-archive:x", "docker-daemon:x", "-", "oci:", "a@sha256:" + strings.Repeat("0", 64)} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		again, err := image.ParseLocation(s)
		if err != nil || s == "-" {
			return
		}
		if third, err := image.ParseLocation(again); err != nil || third != again {
			t.Errorf("%q is printed as %q, which is read as %q, %v", s, again, third, err)
		}
	})
}

func FuzzReadLayer(f *testing.F) {
	f.Add(testimage.Tar(f, testimage.Tree{"/d/": "dir 0755", "/d/a": "file 0644 x", "/d/.wh.b": "file 0000", "/l": "symlink d", "/h": "hardlink /d/a", "/n": "char 0666 1:3"}))
	f.Add(testimage.Tar(f, testimage.Tree{"/" + strings.Repeat("x", 300): "file 4755 y", "/d/.wh..wh..opq": "file 0000"}))
	f.Fuzz(func(t *testing.T, b []byte) {
		paths, err := image.ReadLayer(bytes.NewReader(b))
		if err != nil {
			return
		}
		seen := map[string]bool{}
		for _, p := range paths {
			if !path.IsAbs(p) || path.Clean(p) != p {
				t.Errorf("%q is not absolute and clean", p)
			}
			if seen[p] {
				t.Errorf("%q comes twice", p)
			}
			seen[p] = true
		}
	})
}

// FuzzHeaders holds what lighten reads of headers against archive/tar.
func FuzzHeaders(f *testing.F) {
	for _, s := range tarSamples(f) {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		b = rightSums(b)
		var got []string
		gotErr := image.Headers(bytes.NewReader(b), 1<<16, func(h *tar.Header, content []byte) { got = append(got, describe(h, content)) })
		var want []string
		wantErr := func() error {
			for tr := tar.NewReader(bytes.NewReader(b)); ; {
				h, err := tr.Next()
				if errors.Is(err, io.EOF) {
					return nil
				} else if err != nil {
					return err
				}
				if h.Typeflag == tar.TypeXGlobalHeader {
					continue
				}
				content, err := io.ReadAll(io.LimitReader(tr, 1<<16))
				want = append(want, describe(h, content))
				if err != nil {
					return err
				}
			}
		}()
		if !errors.Is(gotErr, wantErr) {
			t.Errorf("error %v, want %v", gotErr, wantErr)
		}
		if !slices.Equal(got, want) {
			t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
	})
}

// rightSums gives what looks like a header its checksum: few that chance changes would be read otherwise.
func rightSums(b []byte) []byte {
	b = bytes.Clone(b)
	for at := 0; at+512 <= len(b); at += 512 {
		if h := b[at : at+512]; string(h[257:262]) == "ustar" {
			copy(h[148:156], "        ")
			sum := 0
			for _, c := range h {
				sum += int(c)
			}
			copy(h[148:156], fmt.Sprintf("%06o\x00 ", sum))
		}
	}
	return b
}

func describe(h *tar.Header, content []byte) string {
	c := *h
	c.Format = tar.FormatUnknown // nobody asks for it
	return fmt.Sprintf("%+v %x", c, content)
}

// tarSamples are archives in every form that there is: of each kind of entry in POSIX's, GNU's and the oldest format, with long names,
// large numbers, further records, a global header, cut off, as GNU tar writes it, with a hole.
func tarSamples(t testing.TB) [][]byte {
	headers := []tar.Header{
		{Typeflag: tar.TypeDir, Name: "d/", Mode: 0o1777}, {Typeflag: tar.TypeReg, Name: "d/a", Mode: 0o4755, Uid: 1000, Gid: 7, Uname: "u", Gname: "g", ModTime: time.Unix(1700000000, 0)},
		{Typeflag: tar.TypeSymlink, Name: "l", Linkname: "d/a"}, {Typeflag: tar.TypeLink, Name: "h", Linkname: "d/a"}, {Typeflag: tar.TypeChar, Name: "c", Devmajor: 1, Devminor: 3},
		{Typeflag: tar.TypeFifo, Name: "p"}, {Typeflag: tar.TypeReg, Name: strings.Repeat("x/", 70) + "f"}, {Typeflag: tar.TypeSymlink, Name: "long", Linkname: strings.Repeat("y/", 200)},
		{Typeflag: tar.TypeReg, Name: "ü"}, {Typeflag: tar.TypeReg, Name: "id", Uid: 1 << 25}, {Typeflag: tar.TypeReg, Name: "last"},
	}
	var all [][]byte
	for _, format := range []tar.Format{tar.FormatUnknown, tar.FormatUSTAR, tar.FormatPAX, tar.FormatGNU} {
		var b bytes.Buffer
		tw := tar.NewWriter(&b)
		for n, h := range headers {
			content := bytes.Repeat([]byte{'c'}, n*100%700)
			if h.Format = format; h.Typeflag == tar.TypeReg {
				h.Size = int64(len(content))
			}
			if format == tar.FormatPAX {
				h.PAXRecords = map[string]string{"SCHILY.xattr.user.x": "y"}
			}
			if tw.WriteHeader(&h) != nil {
				continue // nothing that this format can say
			}
			if _, err := tw.Write(content[:h.Size]); err != nil {
				t.Fatal(err)
			}
		}
		if err := tw.Close(); err != nil {
			t.Fatal(err)
		}
		all = append(all, b.Bytes(), b.Bytes()[:b.Len()-1024], b.Bytes()[:b.Len()-2000], b.Bytes()[:700])
	}
	var global bytes.Buffer
	err := testimage.WriteTar(&global, testimage.Entry{Header: tar.Header{Typeflag: tar.TypeXGlobalHeader, PAXRecords: map[string]string{"comment": "x"}}},
		testimage.Entry{Header: tar.Header{Typeflag: tar.TypeReg, Name: "a", Size: 1}, Content: []byte("x")})
	if err != nil {
		t.Fatal(err)
	}
	return append(all, global.Bytes(), sparseTar(t))
}

// sparseTar is what GNU tar makes of a file with a hole, and one after it.
func sparseTar(t testing.TB) []byte {
	dir := t.TempDir()
	if err := os.WriteFile(dir+"/hole", []byte("x"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(dir+"/hole", 1<<20); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(dir+"/last", []byte("y"), 0o644); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command("tar", "-C", dir, "-cS", "hole", "last").Output()
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func FuzzReadELF(f *testing.F) {
	for _, p := range []string{"/bin/true", "/lib64/ld-linux-x86-64.so.2"} {
		if b, err := os.ReadFile(p); err == nil && len(b) < 1<<20 {
			f.Add(b[:min(len(b), 64<<10)])
		}
	}
	f.Add([]byte("\x7fELF\x02\x01\x01" + strings.Repeat("\x00", 60)))
	f.Fuzz(func(t *testing.T, b []byte) {
		e := image.ReadELF(b)
		if e == nil {
			return
		}
		if e.Debug < 0 || e.Debug > int64(len(b)) {
			t.Errorf("%d bytes of debug information in %d", e.Debug, len(b))
		}
		for _, s := range append(append([]string{e.Interp, e.Soname}, e.Needed...), e.Runpath...) {
			if len(s) > 4096 || strings.ContainsRune(s, 0) {
				t.Errorf("a string of %d bytes", len(s))
			}
		}
	})
}

func FuzzDecodeIndex(f *testing.F) {
	b, err := image.EncodeIndex(testimage.Tar(f, testimage.Tree{"/d/a": "file 0644 x", "/d/.wh.b": "file 0000", "/l": "symlink d"}))
	if err != nil {
		f.Fatal(err)
	}
	if !image.DecodeIndex(b) {
		f.Fatal("what was written cannot be read")
	}
	f.Add(b)
	f.Fuzz(func(t *testing.T, b []byte) { image.DecodeIndex(b) })
}

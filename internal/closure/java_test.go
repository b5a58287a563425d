package closure_test

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"slices"
	"strings"
	"testing"

	"github.com/lighten/lighten/internal/closure"
)

// classFile is a compiled class with the constants that tell of it: its name, the classes that it uses, its strings, other texts.
func classFile(name string, uses, literals, texts []string) []byte {
	var pool bytes.Buffer
	n := uint16(1)
	utf8 := func(s string) uint16 {
		pool.WriteByte(1)
		pool.Write(binary.BigEndian.AppendUint16(nil, uint16(len(s))))
		pool.WriteString(s)
		n++
		return n - 1
	}
	ref := func(tag byte, s string) uint16 {
		at := utf8(s)
		pool.WriteByte(tag)
		pool.Write(binary.BigEndian.AppendUint16(nil, at))
		n++
		return n - 1
	}
	pool.Write([]byte{5, 0, 0, 0, 0, 0, 0, 0, 9}) // a long, which takes two numbers
	n += 2
	this := ref(7, name)
	for _, u := range uses {
		ref(7, u)
	}
	for _, s := range literals {
		ref(8, s)
	}
	for _, s := range texts {
		utf8(s)
	}
	b := binary.BigEndian.AppendUint16([]byte{0xca, 0xfe, 0xba, 0xbe, 0, 0, 0, 61}, n)
	b = append(b, pool.Bytes()...)
	return append(binary.BigEndian.AppendUint16(append(b, 0, 0x21), this), 0, 0)
}

// Commands are found in the classes that start processes and in those that use one which does, of an archive or by themselves.
func TestJavaCommands(t *testing.T) {
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for name, c := range map[string][]byte{
		"BOOT-INF/classes/shop/Shell.class": classFile("shop/Shell", []string{"java/lang/ProcessBuilder"}, []string{"sh", "-c"}, nil),
		"shop/Report.class":                 classFile("shop/Report", []string{"shop/Shell"}, []string{"convert", "git log -1 | wc -l", "Nothing was said, so mount it"}, nil),
		"shop/Old.class":                    classFile("shop/Old", []string{"java/lang/Runtime"}, []string{"/usr/bin/uptime"}, []string{"exec"}),
		"shop/Memory.class":                 classFile("shop/Memory", []string{"java/lang/Runtime"}, []string{"free"}, []string{"totalMemory"}),
		"shop/Other.class":                  classFile("shop/Other", nil, []string{"sort"}, nil),
		"shop/Broken.class":                 []byte("\xca\xfe\xba\xbe\x00\x00\x00\x3d\xff\xff\x01\xff\xff"),
	} {
		w, err := z.Create(name)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(c); err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	facts := closure.Rules().Examine("/opt/shop/shop.jar", int64(b.Len()), false)(bytes.NewReader(b.Bytes()), int64(b.Len()))
	for word, want := range map[string]bool{"sh": true, "convert": true, "git": true, "wc": true, "/usr/bin/uptime": true, "free": false, "sort": false, "mount": false} {
		if got := slices.Contains(facts, "run "+word); got != want {
			t.Errorf("%s in an archive: got %v, want %v, of\n%s", word, got, want, strings.Join(facts, "\n"))
		}
	}
	one := classFile("A", []string{"java/lang/ProcessBuilder"}, []string{"curl"}, nil)
	if facts := closure.Distil("/app/A.class", int64(len(one)))(one); !slices.Contains(facts, "run curl") {
		t.Errorf("a class by itself: got %q, want curl among them", facts)
	}
}

func FuzzClass(f *testing.F) {
	f.Add(classFile("A", []string{"java/lang/ProcessBuilder"}, []string{"curl"}, []string{"exec"}))
	f.Fuzz(func(t *testing.T, b []byte) {
		closure.Distil("/app/A.class", int64(len(b)))(b)
	})
}

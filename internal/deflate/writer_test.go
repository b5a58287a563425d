package deflate_test

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"runtime"
	"runtime/debug"
	"strings"
	"sync"
	"testing"

	"github.com/lighten/lighten/internal/deflate"
)

// compress packs b, given in pieces of so many bytes.
func compress(tb testing.TB, b []byte, piece int) []byte {
	tb.Helper()
	return compressWith(tb, b, piece, deflate.Thorough)
}

func compressWith(tb testing.TB, b []byte, piece int, how deflate.Effort) []byte {
	tb.Helper()
	var out bytes.Buffer
	z := deflate.NewWriter(&out, how)
	for p := b; len(p) > 0; p = p[min(piece, len(p)):] {
		if n, err := z.Write(p[:min(piece, len(p))]); err != nil || n != min(piece, len(p)) {
			tb.Fatal(n, err)
		}
	}
	if err := z.Close(); err != nil {
		tb.Fatal(err)
	}
	return out.Bytes()
}

func unpack(tb testing.TB, z []byte) []byte {
	tb.Helper()
	r, err := gzip.NewReader(bytes.NewReader(z))
	if err != nil {
		tb.Fatal(err)
	}
	b, err := io.ReadAll(r)
	if err != nil {
		tb.Fatal(err)
	}
	return b
}

const (
	window  = 32<<10 - 1                 // how far back a match lies at most
	segment = 1<<20 - 32<<10 - (258 + 8) // what is compressed by one goroutine
)

// inputs are kinds of data that tell the parts of an encoder apart.
func inputs(tb testing.TB) map[string][]byte {
	r := rand.New(rand.NewPCG(1, 2))
	noise := make([]byte, 700<<10) // stored, in more than one piece
	for i := range noise {
		noise[i] = byte(r.Uint32())
	}
	var words bytes.Buffer
	for words.Len() < 1200<<10 {
		fmt.Fprintf(&words, "%s %d\n", strings.Repeat("ab", r.IntN(9)), r.IntN(5000))
	}
	self, err := os.ReadFile("/proc/self/exe")
	if err != nil {
		tb.Fatal(err)
	}
	all := map[string][]byte{
		"nothing": nil, "a byte": {7}, "three": []byte("aaa"), "four": []byte("aaaa"), "all bytes": {}, "zeros": make([]byte, 900<<10),
		"noise": noise, "words": words.Bytes(), "program": self[:min(len(self), 1500<<10)], "a segment": words.Bytes()[:segment], "a byte more": words.Bytes()[:segment+1],
		"far":     append(append(append([]byte{}, noise[:window]...), noise[:window]...), noise[:window]...), // matches as far as they may be
		"farther": append(append([]byte{}, noise[:68<<10]...), noise[:68<<10]...),                            // no matches: positions are kept modulo 64 KiB
		"mixed":   append(append(append([]byte{}, words.Bytes()[:200<<10]...), noise[:100<<10]...), make([]byte, 100<<10)...),
	}
	for i := range 256 {
		all["all bytes"] = append(all["all bytes"], byte(i))
	}
	return all
}

func TestWriter(t *testing.T) {
	for name, b := range inputs(t) {
		t.Run(name, func(t *testing.T) {
			z := compress(t, b, 1<<20)
			if got := unpack(t, z); !bytes.Equal(got, b) {
				t.Fatalf("%d bytes came out, want %d", len(got), len(b))
			}
			if !bytes.Equal(z, compress(t, b, 1000)) {
				t.Error("written in other pieces it is another stream")
			}
			utmost := compressWith(t, b, 1<<20, deflate.Utmost)
			if got := unpack(t, utmost); !bytes.Equal(got, b) {
				t.Fatalf("at the utmost effort %d bytes came out, want %d", len(got), len(b))
			}
			if len(utmost) > len(z)+len(z)/500 { // what is cheaper by costs known so far may be dearer in the end
				t.Errorf("%d bytes at the utmost effort, %d before", len(utmost), len(z))
			}
			var std bytes.Buffer
			w, err := gzip.NewWriterLevel(&std, gzip.BestCompression)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := w.Write(b); err != nil {
				t.Fatal(err)
			}
			if err := w.Close(); err != nil {
				t.Fatal(err)
			}
			t.Logf("%d bytes: %d, compress/gzip %d", len(b), len(z), std.Len())
			if len(z) > std.Len()+50*(1+len(b)>>18) { // segments have codes of their own
				t.Errorf("%d bytes, compress/gzip takes %d", len(z), std.Len())
			}
		})
	}
}

// The gzip that everybody has is an oracle for what Go's reader may be too kind to.
func TestGzip(t *testing.T) {
	path, err := exec.LookPath("gzip")
	if err != nil {
		t.Skip("no gzip")
	}
	b := inputs(t)["program"]
	c := exec.Command(path, "-dc")
	c.Stdin = bytes.NewReader(compress(t, b, 1<<20))
	if got, err := c.Output(); err != nil || !bytes.Equal(got, b) {
		t.Errorf("%d bytes came out, want %d: %v", len(got), len(b), err)
	}
}

// What comes out depends neither on the number of processors nor on what was compressed before.
func TestDeterministic(t *testing.T) {
	b := inputs(t)["program"]
	want := compress(t, b, 1<<20)
	compress(t, inputs(t)["words"], 1<<20)
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	if !bytes.Equal(compress(t, b, 1<<20), want) {
		t.Error("on one processor it is another stream")
	}
}

type full struct{ left int }

var errFull = errors.New("no room")

func (f *full) Write(p []byte) (int, error) {
	if f.left -= len(p); f.left < 0 {
		return 0, errFull
	}
	return len(p), nil
}

func TestWriteError(t *testing.T) {
	for _, room := range []int{0, 100, 300 << 10} {
		z := deflate.NewWriter(&full{room}, deflate.Thorough)
		_, err := z.Write(inputs(t)["noise"])
		if cerr := z.Close(); !errors.Is(err, errFull) && !errors.Is(cerr, errFull) {
			t.Errorf("room for %d bytes: got %v and %v", room, err, cerr)
		}
	}
}

func FuzzWriter(f *testing.F) {
	f.Add([]byte("abcabcabcabc"), uint16(3))
	f.Add(bytes.Repeat([]byte{0, 1}, 70000), uint16(40000))
	f.Fuzz(func(t *testing.T, b []byte, piece uint16) {
		for range 3 { // longer than a segment now and then
			if got := unpack(t, compress(t, b, int(piece)+1)); !bytes.Equal(got, b) {
				t.Fatal("something else came out")
			}
			b = append(append(b, b...), byte(piece))
		}
	})
}

func BenchmarkWriter(b *testing.B) {
	text := inputs(b)["program"]
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		b.ReportMetric(float64(len(compress(b, text, 1<<20)))/float64(len(text)), "ratio")
	}
}

// Writers side by side, for the layers of an image, take no more memory for compressing than there are processors.
func TestWritersMemory(t *testing.T) {
	defer debug.SetGCPercent(debug.SetGCPercent(-1))
	text := make([]byte, 2*segment)
	rand.NewChaCha8([32]byte{}).Read(text)
	const writers = 4
	compress(t, text, len(text)) // what is made once
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	var g sync.WaitGroup
	for range writers {
		g.Go(func() {
			z := deflate.NewWriter(io.Discard, deflate.Thorough)
			if _, err := z.Write(text); err != nil {
				t.Error(err)
			}
			if err := z.Close(); err != nil {
				t.Error(err)
			}
		})
	}
	g.Wait()
	runtime.ReadMemStats(&after)
	if n, most := int(after.TotalAlloc-before.TotalAlloc)>>20, 16*writers+10*runtime.GOMAXPROCS(0); n > most {
		t.Errorf("%d writers took %d MiB, want at most %d", writers, n, most)
	} else {
		t.Logf("%d MiB of %d", n, most)
	}
}

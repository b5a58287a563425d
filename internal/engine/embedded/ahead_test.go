package embedded

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/iotest"
)

func noise(n int) []byte {
	b := make([]byte, n)
	r := rand.NewChaCha8([32]byte{1})
	_, _ = r.Read(b)
	return b
}

// TestReadAhead gives each reader the whole stream, whatever its size and however it comes in.
func TestReadAhead(t *testing.T) {
	for _, size := range []int{0, 1, pieceSize - 1, pieceSize, pieceSize + 1, 3*pieces*pieceSize + 7} {
		want := noise(size)
		f, readers := readAhead(iotest.HalfReader(bytes.NewReader(want)), 2)
		var wg sync.WaitGroup
		for n, r := range readers {
			wg.Go(func() {
				if got, err := io.ReadAll(r); err != nil || !bytes.Equal(got, want) {
					t.Errorf("size %d, reader %d: %d bytes, %v", size, n, len(got), err)
				}
			})
		}
		wg.Wait()
		f.end()
	}
}

// TestReadAheadError hands a stream's own error to every reader, after all that came before it.
func TestReadAheadError(t *testing.T) {
	want := noise(pieceSize + 5)
	for _, fail := range []error{errors.New("damaged"), io.ErrUnexpectedEOF} {
		f, readers := readAhead(io.MultiReader(bytes.NewReader(want), iotest.ErrReader(fail)), 2)
		for n, r := range readers {
			if got, err := io.ReadAll(r); !errors.Is(err, fail) || !bytes.Equal(got, want) {
				t.Errorf("reader %d: %d bytes, %v; want %d, %v", n, len(got), err, len(want), fail)
			}
		}
		f.end()
	}
}

// TestReadAheadClose lets one reader leave without holding up the other.
func TestReadAheadClose(t *testing.T) {
	want := noise(5 * pieces * pieceSize)
	f, readers := readAhead(bytes.NewReader(want), 2)
	if _, err := io.ReadFull(readers[1], make([]byte, 10)); err != nil {
		t.Fatal(err)
	}
	if err := readers[1].Close(); err != nil {
		t.Fatal(err)
	}
	if got, err := io.ReadAll(readers[0]); err != nil || !bytes.Equal(got, want) {
		t.Errorf("%d bytes, %v", len(got), err)
	}
	f.end()
}

// TestReadAheadEnd stops in the middle: nobody reads the source afterwards, and a reader learns that it is not whole.
func TestReadAheadEnd(t *testing.T) {
	endless := readFunc(func(b []byte) (int, error) { return len(b), nil })
	f, readers := readAhead(endless, 2)
	if _, err := io.ReadFull(readers[0], make([]byte, 10)); err != nil {
		t.Fatal(err)
	}
	f.end()
	select {
	case <-f.done:
	default:
		t.Error("the source is still read")
	}
	if _, err := io.Copy(io.Discard, readers[1]); !errors.Is(err, io.ErrClosedPipe) {
		t.Errorf("the other reader ends with %v", err)
	}
}

type readFunc func([]byte) (int, error)

func (f readFunc) Read(b []byte) (int, error) { return f(b) }

package cli

import (
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/charmbracelet/x/ansi"

	"github.com/lighten/lighten/internal/image"
	"github.com/lighten/lighten/internal/report"
)

// A status is shown when something takes longer than a person waits without asking.
const (
	statusAfter = 400 * time.Millisecond
	statusEvery = 200 * time.Millisecond
)

// showStatus shows what text says in the last line of a terminal until it is stopped, which takes the line away. What is no terminal
// gets nothing.
func showStatus(w io.Writer, text func() string) (stop func()) {
	columns := width(w)
	if columns == 0 {
		return func() {}
	}
	ended := make(chan struct{})
	var shown sync.WaitGroup
	shown.Go(func() {
		wait, drawn := statusAfter, false
		for {
			select {
			case <-ended:
				if drawn {
					fmt.Fprint(w, "\r"+ansi.EraseEntireLine)
				}
				return
			case <-time.After(wait):
				fmt.Fprint(w, "\r"+ansi.EraseEntireLine+ansi.Truncate(text(), columns-1, "…"))
				wait, drawn = statusEvery, true
			}
		}
	})
	return sync.OnceFunc(func() {
		close(ended)
		shown.Wait()
	})
}

// reading is a status of images that are read.
func reading(ref string, p *image.Progress) func() string {
	return func() string {
		done, all := p.Layers()
		if all == 0 {
			return "opening " + report.Clean(ref)
		}
		return fmt.Sprintf("reading %s: %d of %d layers, %s", report.Clean(ref), done, all, report.Bytes(p.Bytes()))
	}
}

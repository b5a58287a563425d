package check

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/exec"

	"github.com/klauspost/compress/gzip"

	"github.com/lighten/lighten/internal/observe"
)

// starter starts the programs whose look-ups are evidence.
func (s *supervisor) starter() func(*exec.Cmd) error {
	if s.tracer == nil {
		return (*exec.Cmd).Start
	}
	return s.tracer.Start
}

// phase tells the tracer what the program is asked to do from now on.
func (s *supervisor) phase(name string) {
	if s.tracer != nil {
		s.tracer.Phase(name)
	}
}

// phaseName is how a record names the time of a check: its number, from 1, and its name.
func phaseName(i int, c Check, holdout bool) string {
	kind := "check"
	if holdout {
		kind = "holdout"
	}
	return fmt.Sprintf("%s %d: %s", kind, i+1, c)
}

func writeRecord(name string, r *observe.Record) error {
	js, err := json.Marshal(r)
	if err != nil {
		return fmt.Errorf("writing the record: %w", err)
	}
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	if _, err := z.Write(js); err != nil {
		return fmt.Errorf("writing the record: %w", err)
	}
	if err := z.Close(); err != nil {
		return fmt.Errorf("writing the record: %w", err)
	}
	return writeOutput(name, b.Bytes())
}

// maxRecord bounds the record's JSON; the tracer's own bounds keep it far below.
const maxRecord = 1 << 30

// ParseRecord reads what the supervisor wrote as [RecordFile].
func ParseRecord(b []byte) (*observe.Record, error) {
	if len(b) == 0 {
		return nil, errors.New("reading the supervisor's record: it wrote none")
	}
	z, err := gzip.NewReader(bytes.NewReader(b))
	if err != nil {
		return nil, fmt.Errorf("reading the supervisor's record: %w", err)
	}
	js, err := io.ReadAll(io.LimitReader(z, maxRecord))
	if err != nil {
		return nil, fmt.Errorf("reading the supervisor's record: %w", err)
	}
	r, err := observe.ParseRecord(js)
	if err != nil {
		return nil, fmt.Errorf("reading the supervisor's record: %w", err)
	}
	return r, nil
}

package dockerfile_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/lighten/lighten/internal/dockerfile"
)

func TestParseErrors(t *testing.T) {
	tests := []struct{ name, src, want string }{
		{"misspelt instruction", "FROM alpine\n  RNU true\n",
			"Dockerfile:2:3: unknown instruction: RNU (did you mean RUN?)\n    RNU true\n    ^"},
		{"misspelt flag", "FROM alpine\nCOPY --form=x a b\n",
			"Dockerfile:2:6: unknown flag: --form (did you mean --from?)\n  COPY --form=x a b\n       ^"},
		{"flag on a later line", "FROM alpine\nCOPY \\\n # why\n\t--chwon=1 a b\n",
			"Dockerfile:4:2: unknown flag: --chwon (did you mean --chown?)\n  \t--chwon=1 a b\n  \t^"},
		{"mount type", "FROM alpine\nRUN --mount=type=cahce true\n",
			"Dockerfile:2:5: unsupported mount type \"cahce\" (did you mean cache?)\n  RUN --mount=type=cahce true\n      ^"},
		{"directive twice", "# check=skip=all\n# check=skip=none\nFROM alpine\n", "Dockerfile:2:1: only one check parser directive can be used\n  # check=skip=none\n  ^"},
		{"mount key", "FROM alpine\nRUN --network=none --mount=type=cache,targte=/x true\n",
			"Dockerfile:2:20: unexpected key 'targte' in 'targte=/x' (did you mean target?)\n  RUN --network=none --mount=type=cache,targte=/x true\n                     ^"},
		{"empty", "", "Dockerfile:1:1: file with no instructions"},
		{"only comments", "# a\n\n", "Dockerfile:2:1: file with no instructions"},
		{"no FROM", "ARG A\n", "Dockerfile:1:1: no FROM: there is nothing to build\n  ARG A\n  ^"},
		{"before FROM", "ARG A\nRUN true\nFROM x\n",
			"Dockerfile:2:1: RUN before the first FROM: only ARG may stand there\n  RUN true\n  ^"},
		{"open here-document", "FROM alpine\nRUN cat <<EOF\nx\n",
			"Dockerfile:2:9: unterminated heredoc\n  RUN cat <<EOF\n          ^"},
		{"FROM with two words", "FROM alpine as\n",
			"Dockerfile:1:6: FROM requires either one or three arguments\n  FROM alpine as\n       ^"},
		{"stage name", "FROM alpine AS 1st\n",
			"Dockerfile:1:16: invalid name for build stage: \"1st\", name can't start with a number or contain symbols\n  FROM alpine AS 1st\n                 ^"},
		{"no destination", "FROM alpine\nCOPY a\n",
			"Dockerfile:2:6: COPY requires at least two arguments, but only one was provided. Destination could not be determined\n  COPY a\n       ^"},
		{"escape directive", "# escape=x\nFROM alpine\n", "Dockerfile:1:1: invalid escape token 'x' does not match ` or \\\n  # escape=x\n  ^"},
		{"after a wide character", "FROM alpine\nLABEL ä=\"ö\" b\n",
			"Dockerfile:2:13: Syntax error - can't find = in \"b\". Must be of the form: name=value\n  LABEL ä=\"ö\" b\n              ^"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := dockerfile.Parse("Dockerfile", []byte(tt.src))
			var e *dockerfile.Error
			if !errors.As(err, &e) {
				t.Fatalf("error %v is no *Error", err)
			}
			if err.Error() != tt.want {
				t.Errorf("got\n%s\nwant\n%s", err, tt.want)
			}
		})
	}
}

func TestLongLineIsAnError(t *testing.T) {
	_, err := dockerfile.Parse("Dockerfile", []byte("FROM alpine\nRUN "+strings.Repeat("x", 70000)+"\n"))
	if err == nil || len(err.Error()) > 1000 || !strings.Contains(err.Error(), "max allowed size") {
		t.Errorf("error %v", err)
	}
}

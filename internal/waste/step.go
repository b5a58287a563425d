package waste

import "strings"

// Step returns the Dockerfile instruction that a history entry tells of, as it would stand there: "RUN apt-get update",
// "COPY . /app # buildkit" without the remark. What no Dockerfile made comes back as it is.
func Step(createdBy string) string {
	s := strings.TrimSpace(createdBy)
	s = strings.TrimSpace(strings.TrimSuffix(s, "# buildkit"))
	run := strings.HasPrefix(s, "RUN ")
	s = strings.TrimPrefix(s, "RUN ")
	if args, ok := strings.CutPrefix(s, "|"); ok { // "|1 VERSION=3 /bin/sh -c make": values of ARG come first
		if i := strings.Index(args, " /bin/"); i >= 0 {
			s, run = args[i+1:], true
		}
	}
	for _, shell := range []string{"/bin/sh -c ", "/bin/bash -c ", "/bin/bash -o pipefail -c ", "/bin/ash -eo pipefail -c "} {
		if rest, ok := strings.CutPrefix(s, shell); ok {
			s = strings.TrimSpace(rest)
			if instruction, ok := strings.CutPrefix(s, "#(nop) "); ok {
				return strings.Join(strings.Fields(instruction), " ")
			}
			run = true
			break
		}
	}
	s = strings.Join(strings.Fields(s), " ")
	if run {
		return "RUN " + s
	}
	return s
}

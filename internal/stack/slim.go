package stack

import "strings"

// SlimTag is the tag of the slim form of an official image, by its own tag; false when that has none.
func SlimTag(tag string) (string, bool) {
	switch {
	case strings.Contains(tag, "slim"):
		return tag, true
	case strings.Contains(tag, "alpine"), strings.Contains(tag, "windows"):
		return "", false
	case tag == "" || tag == "latest":
		return "slim", true
	}
	for _, release := range []string{"trixie", "bookworm", "bullseye", "buster"} {
		if v, ok := strings.CutSuffix(tag, release); ok {
			return v + "slim-" + release, true
		}
	}
	return tag + "-slim", true
}

// DebianSlimTag is the tag of the slim form of Debian's own image, by its own tag; false when that has none.
func DebianSlimTag(tag string) (string, bool) {
	switch {
	case strings.HasSuffix(tag, "-slim"):
		return tag, true
	case strings.Contains(tag, "backports"):
		return "", false
	case tag == "" || tag == "latest":
		return "stable-slim", true
	}
	return tag + "-slim", true
}

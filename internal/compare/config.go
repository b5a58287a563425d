package compare

import (
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
)

// Change is a key that differs. "" stands for what is not there.
type Change struct {
	Key    string `json:"key"`
	Before string `json:"before"`
	After  string `json:"after"`
}

// list is an exec form as a Dockerfile writes it; "" for none.
func list(s []string) string {
	if len(s) == 0 {
		return ""
	}
	b, err := json.Marshal(s)
	if err != nil {
		return fmt.Sprint(s)
	}
	return string(b)
}

// secret are names of variables whose values nobody should print. That of a public key is none.
var secret = regexp.MustCompile(`(?i)SECRET|PASSWORD|PASSWD|TOKEN|API_?KEY|PRIVATE_?KEY|ACCESS_?KEY|CREDENTIAL`)

// masked is a value as it is printed.
func masked(key, value string) string {
	if value == "" || !strings.HasPrefix(key, "env ") || !secret.MatchString(key) {
		return value
	}
	return "(hidden)"
}

func maskedAll(m map[string]string) map[string]string {
	out := map[string]string{}
	for k, v := range m {
		out[k] = masked(k, v)
	}
	return out
}

// changes returns the keys whose values differ, sorted.
func changes(before, after map[string]string) []Change {
	out := []Change{}
	keys := maps.Clone(before)
	maps.Copy(keys, after)
	for _, k := range slices.Sorted(maps.Keys(keys)) {
		b, inB := before[k]
		a, inA := after[k]
		if inB != inA || b != a {
			out = append(out, Change{k, masked(k, b), masked(k, a)})
		}
	}
	return out
}

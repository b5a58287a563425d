package provenance_test

import (
	"errors"
	"os"
	"slices"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/lighten/lighten/internal/provenance"
)

// hashes makes digests of names of one letter, and of whole ones.
func hashes(t testing.TB, names ...string) (all []v1.Hash) {
	t.Helper()
	for _, n := range names {
		if len(n) == 1 {
			n = strings.Repeat(n, 64)
		}
		h, err := v1.NewHash("sha256:" + n)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, h)
	}
	return all
}

// What BuildKit 0.34.2 wrote of this build, with mode=max, as each version. Two stages have the same base, one COPY is --link:
//
//	 1  FROM alpine:3.20 AS tools
//	 2  RUN echo made > /made
//	 3
//	 4  FROM alpine:3.20
//	 5  WORKDIR /app
//	 6  RUN mkdir -p /srv && \
//	 7      echo hello > /srv/hello
//	 8  COPY --link --from=tools /made /made
//	 9  COPY app.txt /app/
//	10  ENV X=1
//	11  RUN chmod 0600 /app/app.txt
func TestBuildKit(t *testing.T) {
	layers := hashes(t, "600a5a86357cc624dd038b6e69f9a48c8b2a4f384713a66adb97ce506ea22129", "6f87b9a7e7b0fb2047727b47c3da3c2993d83834913af1cada5734372e0e2d1b",
		"9f3a2712920215fad15e55797eb1535959dfc1fc1cd7c05762963cbb7561876c", "4d72e9257a1b1d1fd6791c0c50b99e5c69aa3889bfad6964a820ac1cd7931476",
		"003b219e12b05ae0d35137a18d235da535eddca04448f752e64bee011097d8a1", "e98a8a6af714297425b4cc08bef3b3fd6de5eb64c9514abfbce9c67f50fc6df8")
	want := []string{"Dockerfile:4", "Dockerfile:5", "Dockerfile:6", "Dockerfile:8", "Dockerfile:9", "Dockerfile:11"}
	for _, file := range []string{"testdata/v1.json", "testdata/v0.2.json"} {
		src, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := provenance.Lines(src, layers); err != nil || !slices.Equal(got, want) {
			t.Errorf("%s: %q, %v; want %q", file, got, err, want)
		}
		if _, err := provenance.Lines(src, hashes(t, "a", "b")); !errors.Is(err, provenance.ErrOther) {
			t.Errorf("%s of another image: %v", file, err)
		}
	}
}

// expand writes a statement out: <a> is the layer of that digest.
func expand(source, layers string) string {
	var b strings.Builder
	for i := 0; i < len(layers); i++ {
		if c := layers[i]; c >= 'a' && c <= 'f' && layers[i-1] == '<' {
			b.WriteString(`{"digest":"sha256:` + strings.Repeat(string(c), 64) + `"}`)
		} else if c != '<' && c != '>' {
			b.WriteByte(c)
		}
	}
	return `{"predicateType":"https://slsa.dev/provenance/v1","predicate":{"runDetails":{"metadata":{"buildkit_metadata":{"source":` + source + `,"layers":` + b.String() + `}}}}}`
}

func TestLines(t *testing.T) {
	const three = `{"locations":{"step9":{"locations":[{"ranges":[{"start":{"line":1}}]}]},"step10":{"locations":[{"ranges":[{"start":{"line":9}},{"start":{"line":7}}]}]},"step11":{}},"infos":[{"filename":"build/Dockerfile"}]}`
	for name, c := range map[string]struct{ src, layers, want, err string }{
		"layers of a base have the line of FROM":   {expand(three, `{"step9:0":[[<a>,<b>]],"step10:0":[[<a>,<b>,<c>]]}`), "abc", "build/Dockerfile:1 build/Dockerfile:1 build/Dockerfile:7", ""},
		"the same layer twice":                     {expand(three, `{"step9:0":[[<a>]],"step10:0":[[<a>,<a>]]}`), "aa", "build/Dockerfile:1 build/Dockerfile:7", ""},
		"step 9 comes before step 10":              {expand(three, `{"step10:0":[[<a>]],"step9:0":[[<a>]]}`), "a", "build/Dockerfile:1", ""},
		"a step that no line is known of":          {expand(three, `{"step9:0":[[<a>]],"step11:0":[[<a>,<b>]]}`), "ab", "build/Dockerfile:1 ", ""},
		"layers that the build does not know":      {expand(three, `{"step9:0":[[<a>]]}`), "ab", "build/Dockerfile:1 ", ""},
		"mode=min":                                 {expand(`{}`, `{}`), "a", "", ""},
		"no such file":                             {expand(strings.Replace(three, "build/Dockerfile", "", 1), `{"step9:0":[[<a>]]}`), "a", "", ""},
		"source without end":                       {expand(`{"locations":{"step9":{"locations":[{"sourceIndex":-1,"ranges":[{"start":{"line":1}}]},{"sourceIndex":7}]}}}`, `{"step9:0":[[<a>]]}`), "a", "", ""},
		"chains without layers":                    {expand(three, `{"step9:0":[[],[]],"":null}`), "a", "", "none of the image's layers"},
		"another image's":                          {expand(three, `{"step9:0":[[<b>]]}`), "a", "", "none of the image's layers"},
		"no JSON":                                  {`{"predicateType":`, "a", "", "reading the statement: unexpected end"},
		"of another type":                          {`{"predicateType":7}`, "a", "", "reading the statement: json"},
		"a statement of something else, foreign":   {`{"predicateType":"https://spdx.dev/Document"}`, "a", "", "is no provenance of SLSA"},
		"an envelope that others put around it":    {`{"payloadType":"application/vnd.in-toto+json","payload":"e30="}`, "a", "", `"" is no provenance of SLSA`},
		"lines from 0, as nobody counts them here": {expand(strings.ReplaceAll(three, `"line":1`, `"line":0`), `{"step9:0":[[<a>]]}`), "a", "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := provenance.Lines([]byte(c.src), hashes(t, strings.Split(c.layers, "")...))
			if s := strings.Join(got, " "); s != c.want || (err == nil) != (c.err == "") || err != nil && !strings.Contains(err.Error(), c.err) {
				t.Errorf("%q, %v; want %q, %q", s, err, c.want, c.err)
			}
		})
	}
}

func FuzzLines(f *testing.F) {
	for _, file := range []string{"testdata/v1.json", "testdata/v0.2.json"} {
		src, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(src)
	}
	layers := hashes(f, "600a5a86357cc624dd038b6e69f9a48c8b2a4f384713a66adb97ce506ea22129", "a", "a")
	f.Fuzz(func(t *testing.T, src []byte) {
		lines, err := provenance.Lines(src, layers)
		if err != nil && lines != nil || lines != nil && len(lines) != len(layers) {
			t.Fatalf("%d lines, %v", len(lines), err)
		}
		for range 3 {
			if again, _ := provenance.Lines(src, layers); !slices.Equal(again, lines) {
				t.Fatalf("%q, then %q", lines, again)
			}
		}
	})
}

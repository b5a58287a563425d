package inventory

import (
	"bytes"
	"io"
)

// Parsers of foreign bytes, for the fuzz targets.
var (
	ParseControl    = parseControl
	ParseRelations  = parseRelations
	ParseAPK        = func(b []byte) int { return len(parseAPK(b)) }
	ParseRecord     = parseRecord
	ParseMetadata   = func(b []byte) string { return parseMetadata(b).name }
	ParseDiversions = func(b []byte) int { return len(parseDiversions(b)) }
)

// Readers of other forms, for the fuzz targets.
var (
	ReadRPM        = func(r io.ReaderAt, size int64) (int, error) { all, err := readRPM(r, size); return len(all), err }
	ParseManifests = func(b []byte) (names []string) {
		all := append(parsePackageJSON(b), append(parseGemspec(b), append(parseInstalled(b), parseCondaMeta(b)...)...)...)
		for _, r := range append(all, parsePomProperties(b)...) {
			names = append(names, r.Name)
		}
		parseManifest(b)
		return names
	}
	ExamineProgram = examineProgram
	RustCrates     = func(b []byte) int { return len(rustCrates(bytes.NewReader(b))) }
	JavaArchive    = func(b []byte) int { return len(javaArchive(bytes.NewReader(b), int64(len(b)), "a-1.jar")) }
)

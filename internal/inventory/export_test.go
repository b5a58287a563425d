package inventory

// Parsers of foreign bytes, for the fuzz targets.
var (
	ParseControl    = parseControl
	ParseRelations  = parseRelations
	ParseAPK        = func(b []byte) int { return len(parseAPK(b)) }
	ParseRecord     = parseRecord
	ParseMetadata   = func(b []byte) string { return parseMetadata(b).name }
	ParseDiversions = func(b []byte) int { return len(parseDiversions(b)) }
)

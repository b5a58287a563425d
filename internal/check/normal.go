package check

import "regexp"

// changing are the kinds of text which differ from run to run of one program, each with what stands in their place. The order counts:
// what comes first takes its text from those after it.
var changing = []struct {
	re *regexp.Regexp
	as string
}{
	{regexp.MustCompile(`\b[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}\b`), "<uuid>"},
	// RFC 3339 and its relatives, and the date alone.
	{regexp.MustCompile(`\b\d{4}-\d{2}-\d{2}(?:[T ]\d{2}:\d{2}(?::\d{2}(?:[.,]\d+)?)?)?(?: ?(?:Z|UTC|[+-]\d{2}:?\d{2}))?\b`), "<time>"},
	{regexp.MustCompile(`\b\d{4}/\d{2}/\d{2}[ T]\d{2}:\d{2}:\d{2}(?:[.,]\d+)?`), "<time>"},
	// HTTP (RFC 9110), mail, ctime(3), date(1), logs of web servers, syslog.
	{regexp.MustCompile(`\b(?:(?:` + days + `)[a-z]*,? )?\d{1,2}[ -](?:` + months + `)[ -]\d{4}(?: \d{2}:\d{2}(?::\d{2})?)?(?: (?:GMT|UTC|[+-]\d{4}))?\b`), "<time>"},
	{regexp.MustCompile(`\b(?:(?:` + days + `) )?(?:` + months + `) [ \d]\d \d{2}:\d{2}:\d{2}(?: [A-Z]{3,5})?(?: \d{4})?\b`), "<time>"},
	{regexp.MustCompile(`\b\d{2}/(?:` + months + `)/\d{4}[: ]\d{2}:\d{2}:\d{2}(?:[.,]\d+)?(?: [+-]\d{4})?\b`), "<time>"},
	{regexp.MustCompile(`\b\d{1,2}:\d{2}:\d{2}(?:[.,]\d+)?\b`), "<time>"},
	// Seconds, milliseconds, microseconds, nanoseconds since 1970, of the years 2014 to 2040.
	{regexp.MustCompile(`\b(?:1[4-9]|2[01])\d{8}(?:\d{3}){0,3}(?:\.\d+)?\b`), "<time>"},
	{regexp.MustCompile(`\b\d+(?:\.\d+)? ?(?:ns|µs|μs|us|ms|s|secs?|seconds?|milliseconds?|microseconds?)\b`), "<duration>"},
	{regexp.MustCompile(`\b0x[0-9a-fA-F]{6,16}\b`), "<address>"},
	{regexp.MustCompile(`\b(127\.0\.0\.1|0\.0\.0\.0|localhost|\[::1?\]):\d{2,5}\b`), "$1:<port>"},
	{regexp.MustCompile(`(?i)\b(port|pid|process|worker|thread)(s?[ =:#"'\[(]{1,4})\d+\b`), "$1$2<number>"},
	{regexp.MustCompile(`\b\d{1,7}#\d{1,7}:`), "<number>:"},            // nginx's process#thread:
	{regexp.MustCompile(`([A-Za-z_.-])\[\d{1,7}\]:`), "$1[<number>]:"}, // syslog's name[pid]:
}

const (
	days   = `Mon|Tue|Wed|Thu|Fri|Sat|Sun`
	months = `Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec`
)

// Normal is a text with what changes from run to run (times, durations, addresses in memory, UUIDs, process numbers, ports) replaced
// by the name of its kind.
func Normal(text string) string {
	for _, c := range changing {
		text = c.re.ReplaceAllString(text, c.as)
	}
	return text
}

package explore

// list is a cursor in n lines of which height can be seen from top on.
type list struct{ at, top, n, height int }

func (l *list) move(by int) { l.at = min(max(l.at+by, 0), max(l.n-1, 0)) }

// page is how far a page key goes: one line of the last page stays in sight.
func (l *list) page() int { return max(l.height-1, 1) }

// fit gives the list so many lines and keeps the cursor in sight. It returns the first line behind what can be seen.
func (l *list) fit(height int) (end int) {
	l.height = max(height, 0)
	l.move(0)
	l.top = min(l.top, l.at)
	l.top = max(l.top, l.at-l.height+1, 0)
	l.top = max(min(l.top, l.n-l.height), 0)
	return min(l.top+l.height, l.n)
}

// scroll moves what can be seen, and the cursor no more than is needed to stay in sight.
func (l *list) scroll(by int) {
	l.top = max(min(l.top+by, l.n-l.height), 0)
	l.at = min(max(l.at, l.top), max(l.top+l.height-1, 0))
	l.move(0)
}

package deflate

const (
	alike  = 5 // counts that differ by less from what is usual where they stand are alike
	flat   = 4 // so many that are alike are made equal
	unused = 5 // so many zeros are a run by themselves (RFC 1951, 3.2.7)
)

// smooth makes counts equal that stand side by side and are alike, so that their lengths are equal and written as a run. The code is a
// little longer for what it writes then, and its header often much shorter.
func smooth(counts []uint32) {
	for from := 0; from < len(counts); {
		if n := zeros(counts[from:]); n >= unused {
			from += n
			continue
		}
		usual, sum, end := mean(counts[from:min(from+flat, len(counts))]), uint32(0), from
		for end < len(counts) && max(counts[end], usual)-min(counts[end], usual) < alike && (counts[end] > 0 || zeros(counts[end:]) < unused) {
			sum += counts[end]
			end++
		}
		if n := uint32(end - from); n >= flat && sum > 0 {
			for i := range counts[from:end] {
				counts[from+i] = max(1, (sum+n/2)/n)
			}
		}
		from = max(end, from+1)
	}
}

// zeros is how many of the first counts are 0.
func zeros(counts []uint32) int {
	n := 0
	for n < len(counts) && counts[n] == 0 {
		n++
	}
	return n
}

func mean(counts []uint32) uint32 {
	var sum uint32
	for _, n := range counts {
		sum += n
	}
	n := uint32(len(counts))
	return (sum + n/2) / n
}

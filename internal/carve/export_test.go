package carve

// SetDense has archives of up to so many bytes taken for ones that are compressed densely, until what it returns is called.
func SetDense(most int64) (restore func()) {
	before := dense
	dense = func(n int64) bool { return n <= most }
	return func() { dense = before }
}

package check

import (
	"os"
	"time"
)

// hopeless tells whether nothing is to be waited for any more although the time to start is not over: the program of a form complains of
// something missing that the original has, so that the form has failed whatever comes ([Report.Lost]), and for a while nothing here
// has done anything. A gateway whose program has ended so answers 502 for ever.
func (s *supervisor) hopeless() bool {
	if !s.Form || s.program == nil || s.calm.look(time.Now()) < afterStart {
		return false
	}
	says := Report{Missing: findMisses(s.program.out.tail(maxLines))}
	return len(says.Lost(&Report{Missing: s.Known})) > 0
}

// lookEvery is how often processes are looked at while something is waited for.
const lookEvery = 250 * time.Millisecond

// calm watches whether the processes below this one do anything.
type calm struct {
	ticks map[int]int64 // processor time of each at the last look, in clock ticks
	last  time.Time
	since time.Time // from when on they did nothing
}

// look returns for how long they have done nothing. Being asked something now and then, as those are that wait here, counts as nothing.
func (c *calm) look(now time.Time) time.Duration {
	if passed := now.Sub(c.last); passed >= lookEvery || c.ticks == nil {
		ticks, working, spent := map[int]int64{}, c.ticks == nil, int64(0)
		for pid, st := range below(os.Getpid()) {
			ticks[pid] = st.ticks
			spent += st.ticks - c.ticks[pid] // of one that is new all of it
			working = working || st.state == 'R' || st.state == 'D'
		}
		const perSecond, share = 100, 10 // clock ticks to user space are 1/100 s (time(7)); less than a tenth of a processor is nothing
		if working || float64(spent) > passed.Seconds()*perSecond/share+1 {
			c.since = now
		}
		c.ticks, c.last = ticks, now
	}
	return now.Sub(c.since)
}

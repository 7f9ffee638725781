package scheduler

import (
	"sync/atomic"
	"time"
)

// clock is the one clock of the engine: all times that are stored, or compared with stored ones, come from it (R12). Durations are
// measured with the monotonic reading of time.Now instead.
type clock struct {
	// skew is how far it is from the clock of the machine, in ns. Only simulations of machines with wrong clocks set it.
	skew atomic.Int64
}

// now is the present in UTC and whole milliseconds, as stores keep it. Cutting never makes it later, so nothing is early.
func (c *clock) now() time.Time {
	return time.Now().Add(time.Duration(c.skew.Load())).UTC().Truncate(time.Millisecond)
}

// elapsed is the time since an earlier time.Now, the longer of the monotonic and the wall clock: the first stands still while some
// machines sleep, the second can be set back (R6).
func elapsed(since time.Time) time.Duration {
	now := time.Now()
	return max(now.Sub(since), now.Round(0).Sub(since.Round(0)))
}

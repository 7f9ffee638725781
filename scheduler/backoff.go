package scheduler

import (
	"context"
	"hash/fnv"
	"math/rand/v2"
	"time"
)

// backoff spaces out tries at a store that fails: 100 ms doubling to 10 s, ± 50 %, without end (R22). The zero value is ready.
type backoff struct{ tries int }

const (
	firstBackoff = 100 * time.Millisecond
	maxBackoff   = 10 * time.Second
)

// upTo is a random time from 0 to below d, so that not everybody tries at the same moment. Simulations replace it.
var upTo = rand.N[time.Duration]

// next is the pause before the next try.
func (b *backoff) next() time.Duration {
	d := firstBackoff << min(b.tries, 10)
	b.tries++
	d = min(d, maxBackoff)
	return d/2 + upTo(d)
}

func (b *backoff) reset() { b.tries = 0 }

// pause waits, or ends early with ctx; false means that ctx has ended.
func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}

// spread is a factor from 0.8 to 1.2 that depends on nothing but key and n, so that a run repeated in a simulation pauses the same.
func spread(key string, n int) float64 {
	h := fnv.New64a()
	h.Write([]byte(key)) // a hash does not fail
	return 0.8 + 0.4*rand.New(rand.NewPCG(h.Sum64(), uint64(n))).Float64()
}

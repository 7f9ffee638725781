package identity

import (
	"container/list"
	"fmt"
	"net/netip"
	"sync"
	"time"
)

// Limits of log-in tries (R51).
const (
	// freeFailures may be made in a row for one user from one network before a pause begins.
	freeFailures = 5
	firstPause   = time.Second
	maxPause     = 15 * time.Minute
	// forgetAfter the last failure a pair starts anew. Shorter, waiting for it would allow more tries a day than the pauses do.
	forgetAfter = 24 * time.Hour
	// triesPerMinute are allowed from one network, whoever the users are.
	triesPerMinute = 30
	// maxTracked pairs, and as many networks, are remembered; beyond it the one that was longest without a try is forgotten. The most memory is
	// about 10 MB.
	maxTracked = 10_000
)

// ThrottledError says that there were too many log-in tries. It is the same for users that exist and others.
type ThrottledError struct {
	// RetryAfter is how long to wait; always positive.
	RetryAfter time.Duration
}

// Error tells the time to wait in whole seconds.
func (e *ThrottledError) Error() string {
	return fmt.Sprintf("too many log-in tries, wait %d s", e.Seconds())
}

// Seconds is RetryAfter in whole seconds, rounded up, as the header Retry-After has it.
func (e *ThrottledError) Seconds() int { return int((e.RetryAfter + time.Second - 1) / time.Second) }

// pair is a user as named in a log-in, and the network that tries.
type pair struct {
	user    string
	network netip.Prefix
}

// failures of one pair. A pause ends at until.
type failures struct {
	count int
	until time.Time
	last  time.Time
}

// tries are the moments of the last tries of one network, oldest first.
type tries []time.Time

// throttle slows guessing down. A try counts as a failure from its begin, so that many at once are no way around it.
type throttle struct {
	mu       sync.Mutex // guards the fields below
	pairs    *recent[pair, failures]
	networks *recent[netip.Prefix, tries]
}

func newThrottle() *throttle {
	return &throttle{pairs: newRecent[pair, failures](maxTracked), networks: newRecent[netip.Prefix, tries](maxTracked)}
}

// begin asks for a try at a moment; a *ThrottledError refuses it, and then it does not count.
func (t *throttle) begin(p pair, at time.Time) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	f := t.pairs.get(p)
	if at.Sub(f.last) >= forgetAfter {
		f = failures{}
	}
	if wait := f.until.Sub(at); wait > 0 {
		return &ThrottledError{RetryAfter: wait}
	}
	made := t.networks.get(p.network)
	for len(made) > 0 && at.Sub(made[0]) >= time.Minute {
		made = made[1:]
	}
	if len(made) >= triesPerMinute {
		return &ThrottledError{RetryAfter: made[0].Add(time.Minute).Sub(at)}
	}
	t.networks.put(p.network, append(made, at))
	f.count, f.last = f.count+1, at
	f.until = at.Add(pauseAfter(f.count))
	t.pairs.put(p, f)
	return nil
}

// pauseAfter doubles from the failure after which no more are free.
func pauseAfter(count int) time.Duration {
	if count < freeFailures {
		return 0
	}
	pause := firstPause
	for range count - freeFailures {
		if pause *= 2; pause >= maxPause {
			return maxPause
		}
	}
	return pause
}

// succeed forgets the failures of a pair.
func (t *throttle) succeed(p pair) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.pairs.drop(p)
}

// undo takes back the failure of a try that came to no answer: the store failed, or the client went away.
func (t *throttle) undo(p pair) {
	t.mu.Lock()
	defer t.mu.Unlock()
	f := t.pairs.get(p)
	if f.count == 0 {
		return
	}
	f.count--
	f.until = f.last.Add(pauseAfter(f.count))
	t.pairs.put(p, f)
}

// recent is a map of bounded size that forgets what was put longest ago.
type recent[K comparable, V any] struct {
	most    int
	entries map[K]*list.Element
	order   *list.List // of entry[K, V], newest in front
}

type entry[K comparable, V any] struct {
	key   K
	value V
}

func newRecent[K comparable, V any](most int) *recent[K, V] {
	return &recent[K, V]{most: most, entries: map[K]*list.Element{}, order: list.New()}
}

// get gives the zero value for what is not there.
func (r *recent[K, V]) get(key K) V {
	if e, ok := r.entries[key]; ok {
		return e.Value.(entry[K, V]).value
	}
	var zero V
	return zero
}

func (r *recent[K, V]) put(key K, value V) {
	r.drop(key)
	r.entries[key] = r.order.PushFront(entry[K, V]{key, value})
	if len(r.entries) > r.most {
		r.drop(r.order.Back().Value.(entry[K, V]).key)
	}
}

func (r *recent[K, V]) drop(key K) {
	if e, ok := r.entries[key]; ok {
		r.order.Remove(e)
		delete(r.entries, key)
	}
}

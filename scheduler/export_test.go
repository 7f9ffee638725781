package scheduler

import (
	"slices"
	"strings"
	"time"
)

// Simulate makes an engine that has not been run part of a simulation: rest returns when everything else has come to rest, and broken
// names a rule of reliability that the engine is to break, as R5; empty for none.
func (s *Scheduler) Simulate(rest func(), broken string) {
	s.broken = broken
	s.rest = func(o *outbox) {
		rest()
		o.mu.Lock()
		defer o.mu.Unlock()
		slices.SortFunc(o.dirty, func(a, b *run) int { return strings.Compare(string(a.info.ID), string(b.info.ID)) })
	}
}

// Skew sets how far the clock of the engine is from that of the bubble.
func (s *Scheduler) Skew(d time.Duration) { s.clock.skew.Store(int64(d)) }

// SpreadEvenly replaces chance in pauses by their middle until restore is called. No engine may run meanwhile.
func SpreadEvenly() (restore func()) {
	before := upTo
	upTo = func(d time.Duration) time.Duration { return d / 2 }
	return func() { upTo = before }
}

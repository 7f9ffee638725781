package jobs

import (
	"crypto/sha256"
	"encoding/binary"
	"time"

	"github.com/carillon-go/carillon/jobs/internal/cron"
)

// schedEdges bound the years in which anything fires; outside them windows are cut before any arithmetic.
var (
	schedFloor = time.Date(cron.FirstYear-1, 12, 30, 0, 0, 0, 0, time.UTC)
	schedCeil  = time.Date(cron.LastYear+1, 1, 1, 0, 0, 0, 0, time.UTC).Add(-1)
)

// Next is the first fire later than after, in UTC (contract 11, reliability R24). It is pure and total: no value of the schedule
// or of after makes it fail, and an invalid schedule never fires. False means that nothing is left.
func (s Schedule) Next(after time.Time) (time.Time, bool) {
	p := s.plan()
	if p == nil {
		return time.Time{}, false
	}
	next, ok := s.next(p, after.Add(-s.Offset))
	if !ok || next.After(s.last()) {
		return time.Time{}, false
	}
	return next.Add(s.Offset), true
}

// last is the latest moment at which the schedule, without its offset, may fire.
func (s *Schedule) last() time.Time {
	if !s.EndOn.IsZero() && s.EndOn.Before(schedCeil) {
		return s.EndOn
	}
	return schedCeil
}

// next ignores offset and end.
func (s *Schedule) next(p *schedPlan, after time.Time) (time.Time, bool) {
	begun := s.StartOn.IsZero() || !after.Before(s.StartOn)
	switch p.kind {
	case IntervalOnce:
		at := s.onceAt(p)
		return at, at.After(after) && !at.Before(s.StartOn)
	case IntervalSimple:
		if !begun {
			return s.StartOn.UTC(), true
		}
		return p.every.Next(s.anchor(after), after, p.zone)
	case IntervalCron:
		if !begun {
			after = s.StartOn.Add(-1) // a fire exactly on the start counts
		}
		return p.cron.Next(after, p.zone)
	}
	return time.Time{}, false
}

func (s *Schedule) onceAt(p *schedPlan) time.Time {
	if p.once.IsZero() {
		return s.StartOn.UTC()
	}
	return p.once
}

// anchor is the moment from which a simple interval counts, when the question is asked from that moment.
func (s *Schedule) anchor(from time.Time) time.Time {
	switch {
	case !s.StartOn.IsZero():
		return s.StartOn
	case !s.Anchor.IsZero():
		return s.Anchor
	}
	return from.Truncate(time.Millisecond)
}

// window moves (after, notAfter] back by the offset and cuts it to the bounds of the schedule.
func (s *Schedule) window(after, notAfter time.Time) (from, to time.Time) {
	from, to = after.Add(-s.Offset), notAfter.Add(-s.Offset)
	if from.Before(schedFloor) {
		from = schedFloor
	}
	if last := s.last(); to.After(last) {
		to = last
	}
	return from, to
}

// Latest is the newest fire f with after < f <= notAfter; false if there is none. Its cost does not grow with the number of
// fires between the two.
func (s Schedule) Latest(after, notAfter time.Time) (time.Time, bool) {
	p := s.plan()
	if p == nil {
		return time.Time{}, false
	}
	from, to := s.window(after, notAfter)
	if !to.After(from) {
		return time.Time{}, false
	}
	var at time.Time
	var ok bool
	switch p.kind {
	case IntervalSimple:
		at, ok = p.every.Latest(s.anchor(from), to, p.zone)
		if !ok && !s.StartOn.IsZero() {
			at, ok = s.StartOn.UTC(), !s.StartOn.After(to)
		}
	case IntervalOnce:
		at, ok = s.next(p, from)
		ok = ok && !at.After(to)
	default:
		at, ok = s.search(p, from, to)
	}
	if !ok || !at.After(from) {
		return time.Time{}, false
	}
	return at.Add(s.Offset), true
}

// search finds the last fire in (from, to] of an expression, which can only be asked forwards: first a start before to that has a
// fire behind it, then halving. Fires of an expression lie on whole seconds.
func (s *Schedule) search(p *schedPlan, from, to time.Time) (time.Time, bool) {
	var found time.Time
	high := to
	for span := time.Minute; ; span *= 4 {
		start := to.Add(-span)
		if start.Before(from) || span > 200*365*24*time.Hour {
			start = from
		}
		at, ok := s.next(p, start)
		if ok && !at.After(to) {
			found = at
			break
		}
		if !start.After(from) {
			return time.Time{}, false
		}
		high = start // nothing in (start, to]
	}
	// A fire at found; none in (high, to].
	for high.Sub(found) >= time.Second {
		middle := found.Add(high.Sub(found) / 2)
		at, ok := s.next(p, middle)
		if ok && !at.After(high) {
			found = at
			continue
		}
		high = middle
	}
	return found, true
}

// Count is the number of fires in (after, notAfter]. Simple intervals are computed, whatever their number; fires of an expression are
// walked, at most limit of them, and exact is false if there are more.
func (s Schedule) Count(after, notAfter time.Time, limit int) (n int, exact bool) {
	p := s.plan()
	if p == nil {
		return 0, true
	}
	from, to := s.window(after, notAfter)
	if !to.After(from) {
		return 0, true
	}
	if p.kind == IntervalSimple {
		n = int(p.every.Count(s.anchor(from), from, to, p.zone))
		if !s.StartOn.IsZero() && s.StartOn.After(from) && !s.StartOn.After(to) {
			n++
		}
		return n, true
	}
	for at := from; ; n++ {
		next, ok := s.next(p, at)
		if !ok || next.After(to) {
			return n, true
		}
		if n >= limit {
			return n, false
		}
		at = next
	}
}

// FireTimes is the preview of contract 11.1: up to count fires, each later than from (11.4: a fire is always later than the
// moment asked from), fewer if the schedule ends. Without StartOn and Anchor, a simple interval counts from from.
func (s Schedule) FireTimes(from time.Time, count int) []time.Time {
	if s.Anchor.IsZero() {
		s.Anchor = s.anchor(from.Add(-s.Offset))
	}
	var times []time.Time
	for len(times) < count {
		next, ok := s.Next(from)
		if !ok {
			break
		}
		times = append(times, next)
		from = next
	}
	return times
}

// ShortestGap is the smallest distance of two fires, for a lower limit of intervals: exact for times of one day, sampled over a few
// years for days, blind for changes of the clock; a month counts 28 days. Zero if the schedule fires at most once or is invalid.
func (s Schedule) ShortestGap() time.Duration {
	p := s.plan()
	switch {
	case p == nil || p.kind == IntervalOnce:
		return 0
	case p.kind == IntervalSimple:
		return p.every.Shortest()
	}
	return p.cron.Shortest()
}

// JitterOffset is the fixed offset of a job, in whole seconds from 0 to seconds (contract 20.1): made from its id, so that it is the same on all
// nodes and after every restart.
func JitterOffset(id string, seconds int) time.Duration {
	if seconds <= 0 {
		return 0
	}
	sum := sha256.Sum256([]byte(id))
	return time.Duration(binary.BigEndian.Uint64(sum[:8])%uint64(seconds+1)) * time.Second
}

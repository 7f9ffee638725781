package cron

import (
	"fmt"
	"strings"
	"time"
)

// MaxEvery is the greatest number of units of a simple interval (contract 11.2).
const MaxEvery = 10000

// Unit is the unit of a simple interval.
type Unit string

// Units. Second, minute and hour are elapsed time; day, week and month keep the local time of day.
const (
	Second Unit = "second"
	Minute Unit = "minute"
	Hour   Unit = "hour"
	Day    Unit = "day"
	Week   Unit = "week"
	Month  Unit = "month"
)

var lengths = map[Unit]time.Duration{
	Second: time.Second, Minute: time.Minute, Hour: time.Hour,
	Day: 24 * time.Hour, Week: 7 * 24 * time.Hour, Month: 28 * 24 * time.Hour,
}

// Every is a simple interval: "90 minutes".
type Every struct {
	N    int
	Unit Unit
}

// ParseEvery reads "<number> <unit>": 1 to 10000, unit in singular or plural and any case. Every error is an *Error.
func ParseEvery(text string) (Every, error) {
	parts := split(text)
	whole := part{0, text}
	if len(parts) != 2 {
		return Every{}, wrong(whole, "%q is not \"<number> <unit>\", such as \"30 minutes\"", clip(text))
	}
	n, ok := number(parts[0].text)
	if !ok || n < 1 || n > MaxEvery || len(parts[0].text) > 9 {
		return Every{}, wrong(parts[0], "number %q is not 1 to %d", clip(parts[0].text), MaxEvery)
	}
	unit := Unit(strings.TrimSuffix(lowerASCII(parts[1].text), "s"))
	if _, ok := lengths[unit]; !ok {
		return Every{}, wrong(parts[1], "unit %q is not second, minute, hour, day, week or month", clip(parts[1].text))
	}
	return Every{n, unit}, nil
}

func clip(text string) string {
	if len(text) > 64 {
		return text[:64] + "..."
	}
	return text
}

// String is the interval in words: "day", "90 minutes".
func (e Every) String() string {
	if e.N == 1 {
		return string(e.Unit)
	}
	return fmt.Sprintf("%d %ss", e.N, e.Unit)
}

// Shortest is the smallest distance of two fires where clocks do not change; a month counts 28 days.
func (e Every) Shortest() time.Duration { return time.Duration(e.N) * lengths[e.Unit] }

// Elapsed reports whether the unit ignores clocks and calendars.
func (e Every) Elapsed() bool { return e.Unit == Second || e.Unit == Minute || e.Unit == Hour }

// Fires at anchor + n × interval are numbered n = 1, 2, ...; the anchor itself is the caller's business, because only a
// schedule with a start fires there.

// fire is the instant of number n.
func (e Every) fire(anchor, n int64, z *Zone) int64 {
	if e.Elapsed() {
		return anchor + n*int64(e.Shortest())
	}
	return z.first(e.wall(anchor+z.offset(anchor), n))
}

// wall is the wall time of number n, where number 0 is origin; some moment in 2100 if it lies later than the years of fires.
func (e Every) wall(origin, n int64) int64 {
	const day = 24 * int64(time.Hour)
	beyond := lastInstant + 3*day
	if n > (beyond-origin)/int64(e.Shortest()) {
		return beyond // also keeps 10000 months out of an overflow
	}
	if e.Unit != Month {
		return origin + n*int64(e.Shortest())
	}
	at := time.Unix(0, origin).UTC()
	y, m, d := at.Date()
	of := time.Date(y, m+time.Month(n*int64(e.N)), 1, 0, 0, 0, 0, time.UTC)
	d = min(d, of.AddDate(0, 1, -1).Day()) // a month without that day uses its last one
	sinceMidnight := origin - time.Date(y, m, at.Day(), 0, 0, 0, 0, time.UTC).UnixNano()
	return of.AddDate(0, 0, d-1).UnixNano() + sinceMidnight
}

// number is the greatest n with fire(n) <= at, at least 0. The anchor must not lie after at.
func (e Every) number(anchor, at int64, z *Zone) int64 {
	if e.Elapsed() {
		return (at - anchor) / int64(e.Shortest())
	}
	// first(w) <= at exactly if w <= reached(at), so the question is one about wall times.
	origin, reached := anchor+z.offset(anchor), z.reached(at)
	if reached < origin {
		return 0
	}
	if e.Unit != Month {
		return (reached - origin) / int64(e.Shortest())
	}
	from, to := time.Unix(0, origin).UTC(), time.Unix(0, reached).UTC()
	months := int64(to.Year()-from.Year())*12 + int64(to.Month()-from.Month())
	n := months / int64(e.N)
	if n > 0 && e.wall(origin, n) > reached {
		n--
	}
	return n
}

// clamp moves anchor and moment into the table's years; false if the moment lies after the last fire.
func (e Every) clamp(anchor, at time.Time) (a, m int64, ok bool) {
	a, ok = instant(anchor)
	if !ok {
		return 0, 0, false
	}
	m, ok = instant(at)
	return a, max(a, m), ok
}

// Next is the first of the fires 1, 2, ... later than after, in UTC; false if there is none before 2100.
func (e Every) Next(anchor, after time.Time, z *Zone) (time.Time, bool) {
	a, at, ok := e.clamp(anchor, after)
	if !ok {
		return time.Time{}, false
	}
	next := e.fire(a, e.number(a, at, z)+1, z)
	if next >= lastInstant {
		return time.Time{}, false
	}
	return time.Unix(0, next).UTC(), true
}

// Latest is the last of the fires 1, 2, ... that is later than the anchor and not later than notAfter; false if there is none.
func (e Every) Latest(anchor, notAfter time.Time, z *Zone) (time.Time, bool) {
	notAfter = before2100(notAfter)
	a, at, ok := e.clamp(anchor, notAfter)
	if !ok || notAfter.Before(anchor) {
		return time.Time{}, false
	}
	n := e.number(a, at, z)
	if n < 1 {
		return time.Time{}, false
	}
	last := e.fire(a, n, z)
	if last <= a {
		return time.Time{}, false
	}
	return time.Unix(0, last).UTC(), true
}

// Count is how many instants of the fires 1, 2, ... are later than after (and than the anchor) and not later than notAfter.
func (e Every) Count(anchor, after, notAfter time.Time, z *Zone) int64 {
	notAfter = before2100(notAfter)
	a, from, ok := e.clamp(anchor, after)
	to, _ := instant(notAfter)
	if !ok || to <= from {
		return 0
	}
	n := e.number(a, to, z) - e.number(a, from, z)
	if e.Elapsed() || e.Unit == Month {
		return n
	}
	// Wall times of one gap are one instant. Only a gap as long as the interval, a skipped day, can hold two.
	origin := a + z.offset(a)
	for i := z.period(from) + 1; i < len(z.periods) && z.periods[i].start <= to; i++ {
		p := z.periods[i]
		step, jump := int64(e.Shortest()), p.start+p.offset-p.high
		if jump < step {
			continue
		}
		// Wall times from p.high, which lies after the anchor's, to the one at the end of the gap, both included.
		inside := (p.start+p.offset-origin)/step - (p.high-origin+step-1)/step + 1
		n -= max(inside-1, 0)
	}
	return n
}

// MovedBy reports whether a fire at that instant stands for wall times that the clock jumped over.
func (e Every) MovedBy(anchor, at time.Time, z *Zone) bool {
	a, n, ok := e.clamp(anchor, at)
	if !ok || e.Elapsed() {
		return false
	}
	from, to, ok := z.Gap(n)
	if !ok {
		return false
	}
	origin := a + z.offset(a)
	wall := e.wall(origin, e.number(a, n, z))
	if wall == to && e.number(a, n-1, z) < e.number(a, n, z)-1 {
		return true // a regular fire and one of the gap met
	}
	return wall >= from && wall < to
}

func (z *Zone) offset(at int64) int64 { return z.periods[z.period(at)].offset }

// lastInstant ends the years of fires: no schedule of any kind fires in 2100 or later, by UTC.
var lastInstant = time.Date(LastYear+1, 1, 1, 0, 0, 0, 0, time.UTC).UnixNano()

func before2100(t time.Time) time.Time {
	if limit := time.Unix(0, lastInstant-1).UTC(); t.After(limit) {
		return limit
	}
	return t
}

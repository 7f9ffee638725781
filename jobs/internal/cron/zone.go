package cron

import (
	"errors"
	"fmt"
	"math"
	"sort"
	"strings"
	"time"
)

const forever = math.MaxInt64

// Zone is an IANA time zone as a table of its offsets from 1900 to 2100. Outside those years the nearest offset goes on.
type Zone struct {
	loc     *time.Location
	periods []period // ascending; the first begins at math.MinInt64
}

// period is a span of constant offset. Nanoseconds: start of Unix time, high of wall time.
type period struct {
	start, offset int64
	// high is how far the wall clock had got before start (exclusive). Wall times below it have come already, or were jumped over.
	high int64
}

// UTC never changes its clock.
var UTC = newZone(time.UTC)

var zones = NewCache[string, *Zone](1024)

// LoadZone finds a zone by its IANA name; "" is UTC. It refuses what the standard library accepts beyond that: "Local",
// other names of files beside the zones, and paths.
func LoadZone(name string) (*Zone, error) {
	if name == "" || name == "UTC" {
		return UTC, nil
	}
	if z, ok := zones.Get(name); ok {
		return z, nil
	}
	// All IANA names begin with a capital; posix/, right/, posixrules, localtime and absolute paths do not.
	if len(name) > 64 || name[0] < 'A' || name[0] > 'Z' || name == "Local" || name == "Factory" ||
		strings.Contains(name, "..") || strings.ContainsAny(name, "\\\x00.") {
		return nil, errUnknownZone(name)
	}
	loc, err := time.LoadLocation(name)
	if err != nil {
		// The cause names files of this machine, which is nobody's business but the operator's.
		return nil, errUnknownZone(name)
	}
	z := newZone(loc)
	zones.Put(strings.Clone(name), z)
	return z, nil
}

var errZone = errors.New("is not an IANA time zone")

func errUnknownZone(name string) error {
	if len(name) > 64 {
		name = name[:64] + "..."
	}
	return fmt.Errorf("%w: %q", errZone, name)
}

func newZone(loc *time.Location) *Zone {
	at := time.Date(1900, 1, 1, 0, 0, 0, 0, time.UTC)
	stop := time.Date(2100, 2, 1, 0, 0, 0, 0, time.UTC)
	_, offset := at.In(loc).Zone()
	z := &Zone{loc: loc, periods: []period{{math.MinInt64, int64(offset) * int64(time.Second), math.MinInt64}}}
	for at.Before(stop) {
		_, end := at.In(loc).ZoneBounds()
		if end.IsZero() {
			break
		}
		if !end.After(at) {
			// ZoneBounds answers end <= t on December 31 of some leap years (Go 1.26). No clock changes on that day.
			at = at.Add(24 * time.Hour)
			continue
		}
		at = end
		_, offset := at.In(loc).Zone()
		last := z.periods[len(z.periods)-1]
		p := period{start: at.UnixNano(), offset: int64(offset) * int64(time.Second)}
		if p.offset == last.offset {
			continue // another name or daylight flag of the same offset
		}
		p.high = max(last.high, p.start+last.offset)
		z.periods = append(z.periods, p)
	}
	return z
}

// Location is the zone for formatting.
func (z *Zone) Location() *time.Location { return z.loc }

// period is the index of the period that holds the instant.
func (z *Zone) period(at int64) int {
	return sort.Search(len(z.periods), func(i int) bool { return z.periods[i].start > at }) - 1
}

// end is the first instant after the period.
func (z *Zone) end(i int) int64 {
	if i+1 < len(z.periods) {
		return z.periods[i+1].start
	}
	return forever
}

// reached is the greatest wall time that the clock has shown, or jumped over, up to and including the instant. Inverse of
// first: first(w) > at exactly if w > reached(at).
func (z *Zone) reached(at int64) int64 {
	p := z.periods[z.period(at)]
	wall := at + p.offset
	if p.high > wall {
		return p.high - 1 // the clock was set back just before it showed p.high
	}
	return wall
}

// first is the first instant at which the wall clock has got as far as wall: the first occurrence of a wall time that comes
// twice, the end of the gap for one that does not come.
func (z *Zone) first(wall int64) int64 {
	i := sort.Search(len(z.periods), func(i int) bool { return z.periods[i].high > wall }) - 1
	p := z.periods[i]
	return max(p.start, wall-p.offset)
}

// Gap is the span of wall times [from, to) that the clock jumped over at that instant; false if it did not.
func (z *Zone) Gap(at int64) (from, to int64, ok bool) {
	i := z.period(at)
	p := z.periods[i]
	if p.start != at || p.high >= at+p.offset {
		return 0, 0, false
	}
	return p.high, at + p.offset, true
}

// Twice reports whether the wall time of the instant comes twice.
func (z *Zone) Twice(at time.Time) bool {
	n, ok := instant(at)
	if !ok {
		return false
	}
	i := z.period(n)
	wall := n + z.periods[i].offset
	if wall < z.periods[i].high && z.first(wall) != n {
		return true
	}
	for j := i + 1; j < len(z.periods) && j <= i+2; j++ { // a clock is not set back over more than two of its changes
		if p := z.periods[j]; wall >= p.start+p.offset && wall < z.lastWall(j) {
			return true
		}
	}
	return false
}

// lastWall is the wall time (exclusive) at which a period ends.
func (z *Zone) lastWall(i int) int64 {
	if end := z.end(i); end != forever {
		return end + z.periods[i].offset
	}
	return forever
}

// First is the instant of a wall time (its UTC fields are read as local): the first one if it comes twice, the first after the
// gap if it does not come.
func (z *Zone) First(wall time.Time) time.Time {
	if wall.Year() < 1901 || wall.Year() > LastYear {
		// Outside the table; no schedule fires there, so only bounds come here.
		return inZone(wall, z.loc)
	}
	return time.Unix(0, z.first(wall.UnixNano())).UTC()
}

// Last is like First, but the last one of a wall time that comes twice, and the last moment before the gap (in
// milliseconds) if it does not come.
func (z *Zone) Last(wall time.Time) time.Time {
	if wall.Year() < 1901 || wall.Year() > LastYear {
		return inZone(wall, z.loc)
	}
	w := wall.UnixNano()
	at := z.first(w)
	for i := z.period(at) + 1; i < len(z.periods); i++ {
		p := z.periods[i]
		if w < p.start+p.offset {
			break
		}
		if w < z.lastWall(i) {
			at = w - p.offset
		}
	}
	if from, _, ok := z.Gap(at); ok && w >= from && at+z.periods[z.period(at)].offset != w {
		at -= int64(time.Millisecond)
	}
	return time.Unix(0, at).UTC()
}

func inZone(wall time.Time, loc *time.Location) time.Time {
	y, mo, d := wall.Date()
	h, mi, s := wall.Clock()
	return time.Date(y, mo, d, h, mi, s, wall.Nanosecond(), loc).UTC()
}

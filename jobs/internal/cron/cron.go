// Package cron computes the fires of schedules: five-field expressions and "every n units", in zones whose clocks change.
//
// The calendar of an expression comes from gorhill/cronexpr, which is right only where clocks never change, and which
// accepts texts that make it panic later. Therefore this package parses the text itself, hands the library a canonical one
// of plain numbers, asks it about wall times carried in UTC, and maps between wall times and instants with a table of
// the zone's offsets ([Zone]). All values are immutable and safe for concurrent use.
package cron

import (
	"fmt"
	"strings"
	"time"

	"github.com/gorhill/cronexpr"
)

// maxText bounds an expression. Only lists of every single value are longer, and ranges say the same.
const maxText = 256

// Fires exist in these years only: the library's calendar ends there. The bounds are also what keeps nanoseconds in an int64.
const (
	FirstYear = 1970
	LastYear  = 2099
)

var (
	// earliest is one day before the first year, so that no zone's offset hides a fire of 1970-01-01.
	earliest = time.Date(FirstYear-1, 12, 31, 0, 0, 0, 0, time.UTC)
	latest   = time.Date(LastYear+1, 1, 2, 0, 0, 0, 0, time.UTC)
)

// Expression is a checked cron expression.
type Expression struct {
	fields [5]field
	// wildHour: the hour field starts with "*". It alone decides what a change of the clock does (contract 11.4).
	wildHour bool
	calendar cronexpr.Expression
}

// expressions shares parsed texts: the library needs a hundred times longer to parse than to answer, and kilobytes a piece.
var expressions = NewCache[string, *Expression](4096)

// macros are the shorthands of contract 11.2; there are no others.
var macros = map[string]string{
	"@hourly":   "0 * * * *",
	"@daily":    "0 0 * * *",
	"@weekly":   "0 0 * * 0",
	"@monthly":  "0 0 1 * *",
	"@yearly":   "0 0 1 1 *",
	"@annually": "0 0 1 1 *",
}

// Parse reads five fields (minute, hour, day, month, weekday) or a shorthand. Every error is an *Error.
func Parse(text string) (*Expression, error) {
	if len(text) > maxText {
		return nil, &Error{Start: maxText, End: len(text), Message: fmt.Sprintf("is longer than %d characters", maxText)}
	}
	if x, ok := expressions.Get(text); ok {
		return x, nil
	}
	x, err := parse(text)
	if err != nil {
		return nil, err
	}
	expressions.Put(strings.Clone(text), x)
	return x, nil
}

func parse(text string) (*Expression, error) {
	parts := split(text)
	if strings.HasPrefix(strings.TrimSpace(text), "@") {
		full, ok := macros[strings.ToLower(strings.TrimSpace(text))]
		if !ok {
			return nil, wrong(part{0, text}, "%q is not a shorthand; known are @hourly, @daily, @weekly, @monthly, @yearly, @annually",
				strings.TrimSpace(text))
		}
		parts = split(full)
	}
	switch {
	case len(parts) == 6 || len(parts) == 7:
		return nil, wrong(parts[5], "has %d fields; only five are accepted (minute hour day month weekday), because cron "+
			"libraries disagree on whether a further one means seconds or years", len(parts))
	case len(parts) != 5:
		return nil, wrong(part{0, text}, "needs five fields (minute hour day month weekday), has %d", len(parts))
	}
	x := &Expression{wildHour: strings.HasPrefix(parts[1].text, "*")}
	canonical := make([]string, 5)
	for i, p := range parts {
		f, err := parseField(&specs[i], p)
		if err != nil {
			return nil, err
		}
		x.fields[i], canonical[i] = f, f.canonical()
	}
	// Seven fields: the only number that the library reads without guessing.
	calendar, err := cronexpr.Parse("0 " + strings.Join(canonical, " ") + " *")
	if err != nil {
		return nil, wrong(part{0, text}, "is not a cron expression: %v", err)
	}
	x.calendar = *calendar
	if calendar.Next(earliest).IsZero() {
		return nil, wrong(part{parts[2].start, text[parts[2].start:]}, "never fires: no date matches day, month and weekday")
	}
	return x, nil
}

// following is the first matching wall time after wall. Both are nanoseconds of a clock without zone.
func (x *Expression) following(wall int64) (int64, bool) {
	calendar := x.calendar // a copy: the library writes into the expression while it computes
	next := calendar.Next(time.Unix(0, wall).UTC())
	if next.IsZero() {
		return 0, false
	}
	return next.UnixNano(), true
}

// Next is the first fire later than after, in UTC; false if there is none before 2100. Any value of after is allowed.
func (x *Expression) Next(after time.Time, z *Zone) (time.Time, bool) {
	at, ok := instant(after)
	if !ok {
		return time.Time{}, false
	}
	if x.wildHour {
		at, ok = x.nextReal(at, z)
	} else {
		at, ok = x.nextFixed(at, z)
	}
	if !ok {
		return time.Time{}, false
	}
	return time.Unix(0, at).UTC(), true
}

// nextFixed gives each matching wall time one instant: the first at which the clock has got as far. That is its first
// occurrence if it comes twice, and the end of the gap if it does not come; several in one gap, or one in the gap and a regular one
// at its end, meet at one instant.
func (x *Expression) nextFixed(at int64, z *Zone) (int64, bool) {
	wall, ok := x.following(z.reached(at))
	if !ok {
		return 0, false
	}
	return z.first(wall), true
}

// nextReal looks for an instant whose wall time matches, period by period of constant offset.
func (x *Expression) nextReal(at int64, z *Zone) (int64, bool) {
	i := z.period(at)
	asked := at + z.periods[i].offset
	wall, ok := x.following(asked)
	for {
		// ok is false at the end of the calendar; an offset that falls may still bring back a matching wall time.
		if end := z.end(i); ok && (end == forever || wall < end+z.periods[i].offset) {
			return wall - z.periods[i].offset, true
		}
		i++
		if i == len(z.periods) {
			return 0, false
		}
		p := z.periods[i]
		if begin := p.start + p.offset; ok && asked < begin && begin <= wall {
			continue // nothing matches between asked and wall, so wall is the next one here, too
		}
		asked = p.start + p.offset - 1
		wall, ok = x.following(asked)
	}
}

// Shortest is the smallest distance of two fires where clocks do not change; a sample of 200 matching days decides how
// near two of them are. Zero if the expression fires once.
func (x *Expression) Shortest() time.Duration {
	var first, last, previous, least int64 = -1, -1, -1, 0
	const minute = int64(time.Minute)
	for h := range 24 {
		for m := range 60 {
			if !x.fields[hour].has(h) || !x.fields[minuteField].has(m) {
				continue
			}
			last = int64(h*60+m) * minute
			if previous >= 0 && (least == 0 || last-previous < least) {
				least = last - previous
			}
			if first < 0 {
				first = last
			}
			previous = last
		}
	}
	const day = 24 * int64(time.Hour)
	overnight := first - last // plus the days between two matching ones
	if least > 0 && least <= day+overnight {
		return time.Duration(least)
	}
	at := time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC).UnixNano() - 1
	previous = -1
	for range 200 {
		wall, ok := x.following(at)
		if !ok {
			break
		}
		today := wall - wall%day
		if gap := today - previous + overnight; previous >= 0 && (least == 0 || gap < least) {
			least = gap
		}
		if least == day+overnight {
			break // it cannot get less
		}
		previous, at = today, today+day-1
	}
	return time.Duration(least)
}

// Moved reports whether a fire at that instant stands for wall times that the clock jumped over.
func (x *Expression) Moved(at time.Time, z *Zone) bool {
	n, ok := instant(at)
	if !ok || x.wildHour {
		return false
	}
	from, to, ok := z.Gap(n)
	if !ok {
		return false
	}
	wall, ok := x.following(from - 1)
	return ok && wall < to
}

// instant is the time in nanoseconds, moved into the years in which fires exist; false if it lies after them.
func instant(t time.Time) (int64, bool) {
	if t.Before(earliest) {
		return earliest.UnixNano(), true
	}
	if !t.Before(latest) {
		return 0, false
	}
	return t.UnixNano(), true
}

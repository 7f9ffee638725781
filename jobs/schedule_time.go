package jobs

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/carillon-go/carillon/jobs/internal/cron"
)

// ParseScheduleTime reads a moment as contract 1.8 allows it: RFC 3339 with an offset, a local date-time (seconds may be left
// out), or a date. Without offset it is local time of the zone ("" is UTC). A date alone is its first moment or, for end, its
// last millisecond. A local time that the clock jumps over is the first moment after the gap; one that comes twice is its first
// occurrence. The result is UTC in milliseconds; the error says what is wrong with the text or the zone and names no field.
func ParseScheduleTime(text, timezone string, end bool) (time.Time, error) {
	zone, err := cron.LoadZone(timezone)
	if err != nil {
		return time.Time{}, fmt.Errorf("time zone %w", err)
	}
	t, _, err := schedParseTime(text, zone, end)
	return t, err
}

// schedTimeShape is stricter than the layouts of package time, which accept one-digit hours and decimal commas.
var schedTimeShape = regexp.MustCompile(
	`^(\d{4})-(\d\d)-(\d\d)(?:[Tt](\d\d):(\d\d)(?::(\d\d)(?:\.(\d{1,9}))?)?([Zz]|[+-]\d\d:\d\d)?)?$`)

// schedParseTime also reports whether the clock jumps over the local time.
func schedParseTime(text string, zone *cron.Zone, end bool) (t time.Time, moved bool, err error) {
	text = strings.TrimSpace(text)
	m := schedTimeShape.FindStringSubmatch(text)
	if m == nil {
		return t, false, fmt.Errorf("%q is not a date-time such as 2026-03-30T05:30 or 2026-03-30T05:30:00Z, nor a date", schedClip(text))
	}
	var n [6]int // year to second
	for i := range n {
		// What the shape did not find is 0, and digits of the shape cannot fail.
		n[i], _ = strconv.Atoi(m[i+1])
	}
	nanos, _ := strconv.Atoi((m[7] + "000000000")[:9])
	wall := time.Date(n[0], time.Month(n[1]), n[2], n[3], n[4], n[5], nanos-nanos%int(time.Millisecond), time.UTC)
	y, mo, d := wall.Date()
	h, mi, s := wall.Clock()
	if [6]int{y, int(mo), d, h, mi, s} != n || y == 0 {
		return t, false, fmt.Errorf("%q is not a date or time that exists", text)
	}
	switch zoned := m[8]; {
	case m[4] == "" && end:
		return zone.Last(wall.AddDate(0, 0, 1).Add(-time.Millisecond)), false, nil
	case zoned == "":
		t = zone.First(wall)
		return t, t.In(zone.Location()).Format(schedWall) != wall.Format(schedWall), nil
	case zoned == "Z" || zoned == "z":
		return wall, false, nil
	default:
		hours, _ := strconv.Atoi(zoned[1:3])
		minutes, _ := strconv.Atoi(zoned[4:])
		if hours > 23 || minutes > 59 {
			return t, false, fmt.Errorf("%q has an offset that does not exist", text)
		}
		offset := time.Duration(hours)*time.Hour + time.Duration(minutes)*time.Minute
		if zoned[0] == '+' {
			offset = -offset
		}
		return wall.Add(offset), false, nil
	}
}

const schedWall = "2006-01-02T15:04:05.000"

// ScheduleTime is a fire for people (contract 20.6).
type ScheduleTime struct {
	// At is the fire, in UTC.
	At time.Time
	// Local is the same moment in the zone of the schedule, with its offset: "2026-03-29T03:00:00+02:00".
	Local string
	// Change is "gap" if the clock jumped over the time that was meant, "overlap" if the local time comes twice, else "".
	Change string
}

// Explain adds to fires of this schedule what people want to know about them. It leaves the offset of the schedule out of account
// when it looks for changes of the clock.
func (s Schedule) Explain(times []time.Time) []ScheduleTime {
	p := s.plan()
	if p == nil {
		p = &schedPlan{zone: cron.UTC}
	}
	out := make([]ScheduleTime, len(times))
	for i, at := range times {
		out[i] = ScheduleTime{At: at.UTC(), Local: at.In(p.zone.Location()).Format("2006-01-02T15:04:05Z07:00")}
		base := at.Add(-s.Offset)
		switch {
		case s.moved(p, base):
			out[i].Change = "gap"
		case p.zone.Twice(base):
			out[i].Change = "overlap"
		}
	}
	return out
}

func (s *Schedule) moved(p *schedPlan, at time.Time) bool {
	switch p.kind {
	case IntervalCron:
		return p.cron.Moved(at, p.zone)
	case IntervalSimple:
		return p.every.MovedBy(s.anchor(at), at, p.zone)
	case IntervalOnce:
	}
	return p.moved && at.Equal(p.once)
}

// Words is the schedule in plain English: "every weekday at 05:30 Europe/Berlin, until 2026-12-31 23:59". An invalid schedule gives its own
// text. Offset and anchor are not mentioned.
func (s Schedule) Words() string {
	if s.IsZero() {
		return "by hand only"
	}
	p := s.plan()
	if p == nil {
		return strings.TrimSpace(s.Interval)
	}
	zone := p.zone.Location().String()
	local := func(t time.Time) string {
		t = t.In(p.zone.Location())
		if t.Second() == 0 && t.Nanosecond() == 0 {
			return t.Format("2006-01-02 15:04")
		}
		return t.Format("2006-01-02 15:04:05")
	}
	var words string
	switch p.kind {
	case IntervalOnce:
		return "once at " + local(s.onceAt(p)) + " " + zone
	case IntervalCron:
		words = p.cron.Words() + " " + zone
	case IntervalSimple:
		words = "every " + p.every.String()
		if !s.StartOn.IsZero() {
			words += " from " + local(s.StartOn)
		}
		if !s.StartOn.IsZero() || !s.EndOn.IsZero() || s.Timezone != "" && !p.every.Elapsed() {
			words += " " + zone
		}
	}
	if p.kind == IntervalCron && !s.StartOn.IsZero() {
		words += ", from " + local(s.StartOn)
	}
	if !s.EndOn.IsZero() {
		words += ", until " + local(s.EndOn)
	}
	return words
}

package jobs

import (
	"context"
	"time"
)

// FireTimesQuery asks which fires a schedule would have (contract 11.1).
type FireTimesQuery struct {
	Schedule ScheduleSpec
	// Count is 1 to 1000.
	Count int
	// From is the first moment looked at, and the anchor of a simple schedule without StartOn; zero is now.
	From time.Time
}

// FireTimes previews a schedule that need not belong to a job: ascending, fewer than Count if the schedule ends.
func (c *Client) FireTimes(_ context.Context, q FireTimesQuery) ([]time.Time, error) {
	_, times, err := c.fireTimes(q)
	return times, err
}

// FireTimesDetail is FireTimes for people (contract 20.6).
type FireTimesDetail struct {
	// Text is the schedule in words, see Schedule.Words.
	Text string
	// Times are the fires, ascending.
	Times []ScheduleTime
}

// FireTimesDetail is FireTimes with the schedule in words, and the local time of each fire. Errors are those of FireTimes; a fault of the
// expression names the wrong part of it.
func (c *Client) FireTimesDetail(_ context.Context, q FireTimesQuery) (FireTimesDetail, error) {
	s, times, err := c.fireTimes(q)
	if err != nil {
		return FireTimesDetail{}, err
	}
	return FireTimesDetail{Text: s.Words(), Times: s.Explain(times)}, nil
}

func (c *Client) fireTimes(q FireTimesQuery) (Schedule, []time.Time, error) {
	none := func(err error) (Schedule, []time.Time, error) { return Schedule{}, nil, err }
	if err := c.identified(); err != nil {
		return none(err)
	}
	var f Faults
	checkRange(&f, "count", q.Count, 1, 1000)
	from := q.From
	if from.IsZero() {
		from = now()
	}
	s, err := q.Schedule.resolve(from)
	if err := f.Merge("", err); err != nil {
		return none(err)
	}
	if f.Empty() && s.IsZero() {
		f.Add("interval", "is required")
	}
	if err := f.Err(); err != nil {
		return none(err)
	}
	return s, s.FireTimes(from, q.Count), nil
}

// Fires reads the ledger of a job: what became of every due moment (contract 20.3).
func (c *Client) Fires(ctx context.Context, ref JobRef, q FireQuery) (Page[Fire], error) {
	j, err := c.readable(ctx, ref)
	if err != nil {
		return Page[Fire]{}, err
	}
	q.Tenant, q.JobID = c.principal.Tenant, j.ID
	return c.service.store.Fires(ctx, q)
}

// resolve reads the words of the caller into a schedule whose anchor is that moment.
func (s ScheduleSpec) resolve(anchor time.Time) (Schedule, error) {
	var f Faults
	out := Schedule{Interval: s.Interval, IntervalType: s.IntervalType, Timezone: s.Timezone, Anchor: anchor}
	out.StartOn = scheduleTime(&f, "startOn", s.StartOn, s.Timezone, false)
	out.EndOn = scheduleTime(&f, "endOn", s.EndOn, s.Timezone, true)
	normal, err := out.Normalize()
	if err := f.Merge("", err); err != nil {
		return Schedule{}, err
	}
	return normal, f.Err()
}

func scheduleTime(f *Faults, path, text, timezone string, end bool) time.Time {
	if text == "" {
		return time.Time{}
	}
	t, err := ParseScheduleTime(text, timezone, end)
	switch {
	case err != nil:
		f.Add(path, "%s", err)
	case t.IsZero():
		f.Add(path, "is %q; a year from 1970 on", text) // the one moment that would be taken for none
	}
	return t
}

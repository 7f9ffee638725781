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
	if err := c.identified(); err != nil {
		return nil, err
	}
	var f Faults
	checkRange(&f, "count", q.Count, 1, 1000)
	from := q.From
	if from.IsZero() {
		from = now()
	}
	s, err := q.Schedule.resolve(from)
	if err := f.Merge("", err); err != nil {
		return nil, err
	}
	if f.Empty() && s.IsZero() {
		f.Add("interval", "is required")
	}
	if err := f.Err(); err != nil {
		return nil, err
	}
	return s.FireTimes(from, q.Count), nil
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

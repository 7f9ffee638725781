package jobs

import (
	"context"
	"slices"
	"time"
)

// MaxStatsDays is how many days statistics may cover.
const MaxStatsDays = 366

// StatsQuery asks for the statistics of the runs of one tenant. Zero fields do not filter.
type StatsQuery struct {
	Tenant TenantID
	JobID  ID
	// ReadableBy limits them to runs of jobs that one of these principals owns or has a share of; nil: all jobs of the tenant.
	ReadableBy []PrincipalID
	// Days are the beginnings of the days, and last the end of the last one: at least two moments, ascending.
	Days []time.Time
}

// DayStats are the runs of one day: those that were queued in it.
type DayStats struct {
	// Day is its beginning.
	Day    time.Time
	Counts map[RunStatus]int
	// Median, P95 and Longest are of the time from start to end of the runs that ended by themselves, canceled ones left out. A percentile is
	// the shortest duration that at least that part of the runs did not exceed. All zero if Measured, the number of those runs, is.
	Median, P95, Longest time.Duration
	Measured             int
}

// Measure sets what the durations of a day say; it sorts them.
func (d *DayStats) Measure(durations []time.Duration) {
	if d.Measured = len(durations); d.Measured == 0 {
		return
	}
	slices.Sort(durations)
	rank := func(percent int) time.Duration { return durations[(len(durations)*percent+99)/100-1] }
	d.Median, d.P95, d.Longest = rank(50), rank(95), durations[len(durations)-1]
}

// Days are the beginnings of the days from the one that from is in up to the one in which to, a moment that is excluded, ends, and the end of
// the last one. Days are those of the zone: 23 or 25 hours long where its clock changes.
func Days(from, to time.Time, zone *time.Location) []time.Time {
	from, last := from.In(zone), to.Add(-time.Nanosecond).In(zone)
	var days []time.Time
	for i := 0; ; i++ {
		// The first moment of the day: where midnight is skipped that is later, and Date may give the evening before.
		day := time.Date(from.Year(), from.Month(), from.Day()+i, 0, 0, 0, 0, zone)
		if noon := time.Date(from.Year(), from.Month(), from.Day()+i, 12, 0, 0, 0, zone); day.Day() != noon.Day() {
			day = day.Add(time.Hour)
		}
		days = append(days, day.UTC())
		if day.After(last) || len(days) > MaxStatsDays+1 {
			return days
		}
	}
}

// StatsOptions say which days.
type StatsOptions struct {
	// From and To are moments in the first and the last day: at or after, before. Zero: the last 30 days, with today.
	From, To time.Time
	// Timezone is an IANA name; the empty one is UTC.
	Timezone string
}

// HistoryStats are the statistics of the runs of all jobs that the principal may read, by day (contract 20.5).
func (c *Client) HistoryStats(ctx context.Context, o StatsOptions) ([]DayStats, error) {
	if err := c.identified(); err != nil {
		return nil, err
	}
	return c.stats(ctx, StatsQuery{Tenant: c.principal.Tenant, ReadableBy: c.readers()}, o)
}

// JobStats are the statistics of the runs of one job; without a zone the days are those of its schedule.
func (c *Client) JobStats(ctx context.Context, ref JobRef, o StatsOptions) ([]DayStats, error) {
	j, err := c.readable(ctx, ref)
	if err != nil {
		return nil, err
	}
	if o.Timezone == "" {
		o.Timezone = j.Schedule.Timezone
	}
	return c.stats(ctx, StatsQuery{Tenant: j.Tenant, JobID: j.ID}, o)
}

func (c *Client) stats(ctx context.Context, q StatsQuery, o StatsOptions) ([]DayStats, error) {
	var f Faults
	zone := time.UTC
	if o.Timezone != "" {
		var err error
		if zone, err = time.LoadLocation(o.Timezone); err != nil || o.Timezone == "Local" {
			f.Add("timezone", "is not an IANA time zone: %q", o.Timezone)
			zone = time.UTC
		}
	}
	to, from := o.To, o.From
	if to.IsZero() {
		to = now().Add(time.Millisecond)
	}
	if from.IsZero() {
		from = to.Add(-time.Nanosecond).In(zone).AddDate(0, 0, -29)
	}
	switch {
	case !from.Before(to):
		f.Add("to", "is not later than from")
	case to.Sub(from) > (MaxStatsDays+1)*24*time.Hour:
		f.Add("to", "leaves more than %d days in the range", MaxStatsDays)
	default:
		if q.Days = Days(from, to, zone); len(q.Days) > MaxStatsDays+1 {
			f.Add("to", "leaves more than %d days in the range", MaxStatsDays)
		}
	}
	if err := f.Err(); err != nil {
		return nil, err
	}
	return c.service.store.RunStats(ctx, q)
}

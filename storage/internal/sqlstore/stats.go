package sqlstore

import (
	"context"
	"strconv"
	"strings"
	"time"

	"github.com/carillon-go/carillon/jobs"
)

// dayRow are the runs of one day. Durations are milliseconds, separated by commas.
type dayRow struct {
	Queued    int    `db:"queued"`
	Running   int    `db:"running"`
	Success   int    `db:"success"`
	Warning   int    `db:"warning"`
	Error     int    `db:"error"`
	Canceled  int    `db:"canceled"`
	Durations string `db:"durations"`
}

const (
	// endedOfDay is answered by the covering indexes run_history_created and run_history_tenant alone, in their order: no row of the history
	// is read and nothing is sorted.
	endedOfDay = `SELECT 0 AS queued, 0 AS running, count(CASE WHEN status = 'success' THEN 1 END) AS success, count(CASE WHEN status = 'warning' THEN 1 END) AS warning,
	       count(CASE WHEN status = 'error' THEN 1 END) AS error, count(CASE WHEN status = 'canceled' THEN 1 END) AS canceled,
	       COALESCE(string_agg(CASE WHEN status = 'canceled' THEN NULL ELSE CAST(ended_at - started_at AS TEXT) END, ','), '') AS durations
FROM   run_history`
	liveOfDay = `SELECT count(CASE WHEN status = 'queued' THEN 1 END) AS queued, count(CASE WHEN status = 'running' THEN 1 END) AS running, 0 AS success, 0 AS warning,
	       0 AS error, 0 AS canceled, '' AS durations
FROM   runs`
)

// statsQueries ask for the ended and the live runs of one day.
func statsQueries(q jobs.StatsQuery, from, to time.Time) (ended, live *query) {
	f := jobs.RunQuery{Tenant: q.Tenant, JobID: q.JobID, ReadableBy: q.ReadableBy, From: from, To: to}
	ended, live = new(query), new(query)
	ended.add(endedOfDay)
	filterRuns(ended, f, true)
	live.add(liveOfDay)
	filterRuns(live, f, false)
	return ended, live
}

// sqlOldestLive: a day without live runs need not be asked for them.
const sqlOldestLive = `
	SELECT COALESCE(min(created_at), 0)
	FROM   runs
	WHERE  tenant = ?`

// RunStats is jobs.HistoryStore: one walk through the runs of each day, all in one state of the store.
func (c *Core) RunStats(ctx context.Context, q jobs.StatsQuery) ([]jobs.DayStats, error) {
	var days []jobs.DayStats
	err := c.read(ctx, "count runs by day", func(v *View) error {
		if q.JobID != "" {
			var tenant jobs.TenantID
			if ok, err := v.get(&tenant, sqlGetJobTenant, q.JobID); err != nil || !ok || tenant != q.Tenant {
				return err
			}
		}
		var oldest int64
		if _, err := v.get(&oldest, sqlOldestLive, q.Tenant); err != nil {
			return err
		}
		for i := range len(q.Days) - 1 {
			day, err := v.day(q, q.Days[i], q.Days[i+1], oldest)
			if err != nil {
				return err
			}
			days = append(days, day)
		}
		return nil
	})
	return days, err
}

func (v *View) day(q jobs.StatsQuery, from, to time.Time, oldestLive int64) (jobs.DayStats, error) {
	ended, live := statsQueries(q, from, to)
	day := jobs.DayStats{Day: from, Counts: map[jobs.RunStatus]int{}}
	var rows []dayRow
	if err := v.build(&rows, ended); err != nil {
		return day, err
	}
	if oldestLive != 0 && oldestLive < toMillis(to) {
		var more []dayRow
		if err := v.build(&more, live); err != nil {
			return day, err
		}
		rows = append(rows, more...)
	}
	var durations []time.Duration
	for _, r := range rows {
		for status, n := range map[jobs.RunStatus]int{
			jobs.RunQueued: r.Queued, jobs.RunRunning: r.Running, jobs.RunSuccess: r.Success, jobs.RunWarning: r.Warning, jobs.RunError: r.Error,
			jobs.RunCanceled: r.Canceled,
		} {
			if n > 0 {
				day.Counts[status] += n
			}
		}
		if r.Durations == "" {
			continue
		}
		for text := range strings.SplitSeq(r.Durations, ",") {
			ms, err := strconv.ParseInt(text, 10, 64)
			if err != nil {
				return day, err
			}
			durations = append(durations, time.Duration(ms)*time.Millisecond)
		}
	}
	day.Measure(durations)
	return day, nil
}

package httpapi

import (
	"net/http"
	"time"

	"github.com/carillon-go/carillon/jobs"
)

var statsRoutes = []route{
	{
		method: "GET", path: "/job-history-stats", group: groupIdentity, handle: (*API).historyStats,
		name: "getHistoryStats", summary: "Runs of all readable jobs by day: how many, how they ended, how long they took",
		query: asks(describeStats), answers: answers{200: statsView{}},
	},
	{
		method: "GET", path: "/jobs/:id/history-stats", group: groupRead, handle: (*API).jobStats,
		name: "getJobStats", summary: "Runs of a job by day: how many, how they ended, how long they took",
		query: asks(describeStats), answers: answers{200: statsView{}},
	},
}

// statsView are runs by day (contract 20.5).
type statsView struct {
	Timezone string    `json:"timezone"`
	Days     []dayView `json:"days"`
}

// dayView are the runs that were queued in one day. Durations are milliseconds, null if no run ended by itself.
type dayView struct {
	Date      string                 `json:"date"`
	From      stamp                  `json:"from"`
	Counts    map[jobs.RunStatus]int `json:"counts"`
	MedianMs  *int64                 `json:"medianMs"`
	P95Ms     *int64                 `json:"p95Ms"`
	LongestMs *int64                 `json:"longestMs"`
}

// readStats reads the parameters of contract 20.5. Moments without an offset are of the zone that is asked for, else of otherwise.
func readStats(q *query, otherwise string) jobs.StatsOptions {
	o := jobs.StatsOptions{Timezone: q.text("timezone")}
	if o.Timezone == "" {
		o.Timezone = otherwise
	}
	zone := o.Timezone
	if _, err := time.LoadLocation(zone); err != nil {
		zone = "" // the rules say what is wrong with it
	}
	o.From, o.To = q.moment("from", zone), q.moment("to", zone)
	return o
}

func describeStats(q *query) jobs.StatsOptions { return readStats(q, "") }

// historyStats serves GET /job-history-stats.
func (a *API) historyStats(w http.ResponseWriter, r *request) error {
	q, err := newQuery(r.Request)
	if err != nil {
		return err
	}
	o := readStats(q, "")
	q.finishUnknown()
	if !q.faults.Empty() {
		return badInput("query", q.faults.Err())
	}
	days, err := r.client.HistoryStats(r.Context(), o)
	return writeStats(w, r, o, days, err)
}

// jobStats serves GET /jobs/{id}/history-stats.
func (a *API) jobStats(w http.ResponseWriter, r *request) error {
	ref, err := r.job()
	if err != nil {
		return err
	}
	j, err := r.client.Job(r.Context(), ref)
	if err != nil {
		return err
	}
	q, err := newQuery(r.Request)
	if err != nil {
		return err
	}
	o := readStats(q, j.Schedule.Timezone)
	q.finishUnknown()
	if !q.faults.Empty() {
		return badInput("query", q.faults.Err())
	}
	days, err := r.client.JobStats(r.Context(), ref, o)
	return writeStats(w, r, o, days, err)
}

func writeStats(w http.ResponseWriter, r *request, o jobs.StatsOptions, days []jobs.DayStats, err error) error {
	if err != nil {
		return badInput("query", err)
	}
	zone, err := time.LoadLocation(o.Timezone) // the empty name is UTC
	if err != nil {
		return err
	}
	v := statsView{Timezone: zone.String(), Days: make([]dayView, len(days))}
	for i := range days {
		d := &days[i]
		view := dayView{Date: d.Day.In(zone).Format(time.DateOnly), From: stamp(d.Day), Counts: map[jobs.RunStatus]int{}}
		for _, status := range runStatuses {
			view.Counts[status] = d.Counts[status]
		}
		if d.Measured > 0 {
			median, p95, longest := d.Median.Milliseconds(), d.P95.Milliseconds(), d.Longest.Milliseconds()
			view.MedianMs, view.P95Ms, view.LongestMs = &median, &p95, &longest
		}
		v.Days[i] = view
	}
	return writePlain(w, r.Request, v)
}

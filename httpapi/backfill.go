package httpapi

import (
	"net/http"
	"time"

	"github.com/carillon-go/carillon/jobs"
)

// backfillView is what a backfill starts, or would start (contract 20.5). Fires are the first ones of it.
type backfillView struct {
	Links  links              `json:"_links"`
	DryRun bool               `json:"dryRun"`
	Count  int                `json:"count"`
	Fires  []backfillFireView `json:"fires"`
}

type backfillFireView struct {
	At        stamp `json:"at"`
	HistoryID text  `json:"historyId"`
}

// maxBackfillShown is how many fires of a backfill the answer names.
const maxBackfillShown = 50

// readBackfill reads the body of contract 20.5; moments without an offset are of that time zone.
func readBackfill(b *body, timezone string) jobs.BackfillOptions {
	b.requires("from", "to")
	o := jobs.BackfillOptions{From: bodyMoment(b, "from", timezone), To: bodyMoment(b, "to", timezone)}
	dry := b.boolean("dryRun")
	if dry.Null {
		b.faults.Add(b.at("dryRun"), "has to be true or false")
	}
	o.DryRun = dry.Value
	return o
}

func describeBackfill(b *body) jobs.BackfillOptions { return readBackfill(b, "") }

// bodyMoment reads a date-time of contract 1.8. Nothing and null are the zero time: the rules say what is required.
func bodyMoment(b *body, name, timezone string) time.Time {
	text := b.text(name)
	if !text.Set || text.Null {
		return time.Time{}
	}
	at, err := jobs.ParseScheduleTime(text.Value, timezone, false)
	if err != nil {
		b.faults.Add(b.at(name), "%s", err)
	}
	return at
}

// backfill serves POST /jobs/{id}/_backfill.
func (a *API) backfill(w http.ResponseWriter, r *request) error {
	ref, err := r.job()
	if err != nil {
		return err
	}
	if err := r.client.Can(r.Context(), ref, jobs.PermissionRun); err != nil {
		return err
	}
	j, err := r.client.Job(r.Context(), ref)
	if err != nil {
		return err
	}
	b, err := newBody(r.Request, false)
	if err != nil {
		return err
	}
	o := readBackfill(b, j.Schedule.Timezone)
	if err := b.finish(); err != nil {
		return err
	}
	if a.closed() && !o.DryRun {
		return &jobs.UnavailableError{Reason: "The server is shutting down"}
	}
	runs, err := r.client.Backfill(r.Context(), ref, o)
	if err != nil {
		return err
	}
	v := backfillView{
		Links: links{"inf:job-histories": a.link("jobs", string(j.ID), "history")}, DryRun: o.DryRun, Count: len(runs), Fires: []backfillFireView{},
	}
	for _, run := range runs[:min(len(runs), maxBackfillShown)] {
		v.Fires = append(v.Fires, backfillFireView{stamp(run.At), text(run.RunID)})
	}
	status := http.StatusAccepted
	if o.DryRun {
		status = http.StatusOK
	}
	return write(w, r.Request, status, v)
}

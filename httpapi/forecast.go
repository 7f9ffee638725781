package httpapi

import (
	"net/http"
	"time"

	"github.com/carillon-go/carillon/jobs"
)

var forecastRoutes = []route{
	{
		method: "GET", path: "/job-forecast", group: groupIdentity, handle: (*API).forecast,
		name: "forecastJobs", summary: "Fires to come of all readable jobs, and where their runs would meet", query: asks(readForecastQuery),
		answers: answers{200: forecastView{}},
		words: map[string]string{
			"from":  "First moment; now, if left out. Without an offset it is UTC",
			"to":    "Fires before this moment, at most 31 days after from; a day after it, if left out",
			"limit": "The most fires; truncated and until tell if there are more",
		},
	},
}

// forecastView is the answer of contract 20.6. No HAL, as the preview of fires.
type forecastView struct {
	From           stamp           `json:"from"`
	To             stamp           `json:"to"`
	Until          stamp           `json:"until"`
	Truncated      bool            `json:"truncated"`
	JobsLeftOut    bool            `json:"jobsLeftOut"`
	Jobs           []forecastJob   `json:"jobs"`
	Fires          []forecastFire  `json:"fires"`
	Hours          []forecastHour  `json:"hours"`
	Collisions     []collisionView `json:"collisions"`
	CollisionCount int             `json:"collisionCount"`
}

type forecastJob struct {
	ID         jobs.ID `json:"id"`
	Name       string  `json:"name"`
	ExpectedMs *int64  `json:"expectedMs"`
	Fires      int     `json:"fires"`
}

type forecastFire struct {
	At         stamp   `json:"at"`
	JobID      jobs.ID `json:"jobId"`
	ExpectedMs *int64  `json:"expectedMs"`
}

type forecastHour struct {
	At    stamp `json:"at"`
	Fires int   `json:"fires"`
}

type collisionView struct {
	At    stamp   `json:"at"`
	JobID jobs.ID `json:"jobId"`
	// Kind is self or tenant.
	Kind   string    `json:"kind"`
	Runs   int       `json:"runs"`
	JobIDs []jobs.ID `json:"jobIds"`
}

func readForecastQuery(q *query) jobs.ForecastQuery {
	return jobs.ForecastQuery{
		From: q.moment("from", ""), To: q.moment("to", ""), Limit: q.integer("limit", jobs.DefaultForecastFires, 1, jobs.MaxForecastFires),
	}
}

// forecast serves GET /job-forecast.
func (a *API) forecast(w http.ResponseWriter, r *request) error {
	q, err := newQuery(r.Request)
	if err != nil {
		return err
	}
	fq := readForecastQuery(q)
	if err := q.finish(); err != nil {
		return err
	}
	f, err := r.client.Forecast(r.Context(), fq)
	if err != nil {
		return badInput("query", err)
	}
	return writePlain(w, r.Request, newForecastView(f))
}

func newForecastView(f *jobs.Forecast) forecastView {
	v := forecastView{
		From: stamp(f.From), To: stamp(f.To), Until: stamp(f.Until), Truncated: f.Truncated, JobsLeftOut: f.JobsLeftOut,
		Jobs: make([]forecastJob, len(f.Jobs)), Fires: make([]forecastFire, len(f.Fires)), Hours: make([]forecastHour, len(f.Hours)),
		Collisions: make([]collisionView, len(f.Collisions)), CollisionCount: f.CollisionCount,
	}
	for i, j := range f.Jobs {
		v.Jobs[i] = forecastJob{j.ID, j.Name, millis(j.Expected), j.Fires}
	}
	for i, x := range f.Fires {
		v.Fires[i] = forecastFire{stamp(x.At), x.JobID, millis(x.Expected)}
	}
	for i, h := range f.Hours {
		v.Hours[i] = forecastHour{stamp(h.At), h.Fires}
	}
	for i, c := range f.Collisions {
		kind := "tenant"
		if c.Self {
			kind = "self"
		}
		v.Collisions[i] = collisionView{stamp(c.At), c.JobID, kind, c.Runs, c.JobIDs}
	}
	return v
}

// millis is a duration on the wire; null if it is not known.
func millis(d time.Duration) *int64 {
	if d <= 0 {
		return nil
	}
	ms := max(d.Milliseconds(), 1)
	return &ms
}

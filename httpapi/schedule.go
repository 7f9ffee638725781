package httpapi

import (
	"net/http"

	"github.com/carillon-go/carillon/jobs"
)

var scheduleRoutes = []route{
	{
		method: "GET", path: "/jobs/:id/fires", group: groupRead, handle: (*API).listFires,
		name: "listFires", summary: "What became of every due moment of a job, newest first",
		query: asks(func(q *query) jobs.FireQuery { return readFireQuery(q, "") }), answers: answers{200: page{rel: "inf:job-fire", item: fireView{}}},
	},
	{
		method: "GET", path: "/job-fire-times", group: groupIdentity, handle: (*API).fireTimes,
		name: "previewFireTimes", summary: "The next fires of a schedule that need not exist", query: asks(readFireTimes),
		answers: answers{200: fireTimesView{}},
		words: map[string]string{
			"from":   "First moment that is looked at; also the anchor of a simple interval without startOn. Now, if left out",
			"detail": "Also the schedule in words, and the local time of each fire",
		},
	},
}

// readFireTimes reads the parameters of contract 11.1.
func readFireTimes(q *query) fireTimesQuery {
	timezone := q.text("timezone")
	ask := fireTimesQuery{FireTimesQuery: jobs.FireTimesQuery{
		Schedule: jobs.ScheduleSpec{
			Interval: q.text("interval"), IntervalType: jobs.IntervalType(q.text("intervalType")), Timezone: timezone,
			StartOn: q.text("startOn"), EndOn: q.text("endOn"),
		},
		Count: q.integer("count", 10, 1, 1000),
		From:  q.moment("from", timezone),
	}}
	detail := q.boolean("detail")
	ask.detail = detail != nil && *detail
	return ask
}

type fireTimesQuery struct {
	jobs.FireTimesQuery
	detail bool
}

// fireTimes serves GET /job-fire-times (contract 11.1).
func (a *API) fireTimes(w http.ResponseWriter, r *request) error {
	q, err := newQuery(r.Request)
	if err != nil {
		return err
	}
	ask := readFireTimes(q)
	q.finishUnknown()
	found, err := r.client.FireTimesDetail(r.Context(), ask.FireTimesQuery)
	if err := badInput("query", mergeFaults(&q.faults, err)); err != nil {
		return err
	}
	answer := fireTimesView{FireTimes: make([]stamp, len(found.Times))}
	for i, t := range found.Times {
		answer.FireTimes[i] = stamp(t.At)
	}
	if ask.detail {
		answer.fireTimesDetail = &fireTimesDetail{found.Text, make([]fireTimeView, len(found.Times))}
		for i, t := range found.Times {
			answer.Times[i] = fireTimeView{stamp(t.At), t.Local, text(t.Change)}
		}
	}
	return writePlain(w, r.Request, answer)
}

type fireTimesView struct {
	FireTimes []stamp `json:"fireTimes"`
	*fireTimesDetail
}

// fireTimesDetail is what detail=true adds (contract 20.6).
type fireTimesDetail struct {
	Text  string         `json:"text"`
	Times []fireTimeView `json:"times"`
}

type fireTimeView struct {
	At     stamp  `json:"at" wire:"set"`
	Local  string `json:"local"`
	Change text   `json:"change"`
}

// fireView is a line of the ledger (contract 20.3). Until and count are there for a line that stands for many fires of a long outage.
type fireView struct {
	At        stamp            `json:"at" wire:"set"`
	Outcome   jobs.FireOutcome `json:"outcome"`
	Reason    text             `json:"reason"`
	HistoryID text             `json:"historyId"`
	LateMs    int64            `json:"lateMs"`
	Until     stamp            `json:"until"`
	Count     *int             `json:"count"`
}

// readFireQuery reads the parameters of contract 20.3; moments without an offset are of that time zone.
func readFireQuery(q *query, timezone string) jobs.FireQuery {
	start, limit := q.page(30)
	keys := q.sort([]string{"at"})
	return jobs.FireQuery{
		From: q.moment("from", timezone), To: q.moment("to", timezone), Start: start, Limit: limit,
		Outcome:   oneOf(q, "outcome", jobs.FireRan, jobs.FireSkipped, jobs.FireCoalesced, jobs.FireMissed, jobs.FireWithdrawn),
		Ascending: len(keys) > 0 && !keys[0].Descending,
	}
}

// listFires serves GET /jobs/{id}/fires.
func (a *API) listFires(w http.ResponseWriter, r *request) error {
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
	fq := readFireQuery(q, j.Schedule.Timezone)
	if err := q.finish(); err != nil {
		return err
	}
	page, err := r.client.Fires(r.Context(), ref, fq)
	if err != nil {
		return err
	}
	items := make([]fireView, len(page.Items))
	for i, f := range page.Items {
		items[i] = fireView{
			At: stamp(f.At), Outcome: f.Outcome, Reason: text(f.Reason), HistoryID: text(f.RunID), LateMs: f.Late.Milliseconds(),
			Until: stamp(f.Until),
		}
		if !f.Until.IsZero() {
			items[i].Count = orNull(f.Count)
		}
	}
	self := a.link("jobs", string(j.ID), "fires")
	return write(w, r.Request, http.StatusOK, newCollection(r.Request, self, "inf:job-fire", items, fq.Start, fq.Limit, page.Total))
}

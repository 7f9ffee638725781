package httpapi

import (
	"net/http"

	"github.com/carillon-go/carillon/jobs"
)

var scheduleRoutes = []route{
	{method: "GET", path: "/jobs/:id/fires", group: groupRead, handle: (*API).listFires},
	{method: "GET", path: "/job-fire-times", group: groupIdentity, handle: (*API).fireTimes},
}

// fireTimes serves GET /job-fire-times (contract 11.1).
func (a *API) fireTimes(w http.ResponseWriter, r *request) error {
	q, err := newQuery(r.Request)
	if err != nil {
		return err
	}
	timezone := q.text("timezone")
	query := jobs.FireTimesQuery{
		Schedule: jobs.ScheduleSpec{
			Interval: q.text("interval"), IntervalType: jobs.IntervalType(q.text("intervalType")), Timezone: timezone,
			StartOn: q.text("startOn"), EndOn: q.text("endOn"),
		},
		Count: q.integer("count", 10, 1, 1000),
		From:  q.moment("from", timezone),
	}
	detail := q.boolean("detail")
	q.finishUnknown()
	found, err := r.client.FireTimesDetail(r.Context(), query)
	if err := badInput("query", mergeFaults(&q.faults, err)); err != nil {
		return err
	}
	answer := fireTimesView{FireTimes: make([]stamp, len(found.Times))}
	for i, t := range found.Times {
		answer.FireTimes[i] = stamp(t.At)
	}
	if detail != nil && *detail {
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
	At     stamp  `json:"at"`
	Local  string `json:"local"`
	Change text   `json:"change"`
}

// fireView is a line of the ledger (contract 20.3). Until and count are there for a line that stands for many fires of a long outage.
type fireView struct {
	At        stamp            `json:"at"`
	Outcome   jobs.FireOutcome `json:"outcome"`
	Reason    text             `json:"reason"`
	HistoryID text             `json:"historyId"`
	LateMs    int64            `json:"lateMs"`
	Until     stamp            `json:"until"`
	Count     *int             `json:"count"`
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
	start, limit := q.page(30)
	keys := q.sort([]string{"at"})
	fq := jobs.FireQuery{
		Outcome: jobs.FireOutcome(q.text("outcome")), From: q.moment("from", j.Schedule.Timezone), To: q.moment("to", j.Schedule.Timezone), Start: start, Limit: limit,
		Ascending: len(keys) > 0 && !keys[0].Descending,
	}
	if fq.Outcome != "" && !fq.Outcome.Valid() {
		q.faults.Add("outcome", "is %q; ran, skipped, coalesced, missed or withdrawn", clip(string(fq.Outcome)))
	}
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
	return write(w, r.Request, http.StatusOK, newCollection(r.Request, self, "inf:job-fire", items, start, limit, page.Total))
}

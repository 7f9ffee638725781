package httpapi

import (
	"net/http"
	"time"

	"github.com/carillon-go/carillon/jobs"
)

// planView is what a commit of a draft would do (contract 20.4).
type planView struct {
	Links     links          `json:"_links"`
	DraftID   jobs.ID        `json:"draftId"`
	JobID     jobs.ID        `json:"jobId"`
	Changes   []changeView   `json:"changes"`
	Fires     fireChanges    `json:"fires"`
	Conflicts []conflictView `json:"conflicts"`
	Warnings  []planWarning  `json:"warnings"`
}

// changeView is one difference; before and after are any values of JSON.
type changeView struct {
	Path   string          `json:"path"`
	Kind   jobs.ChangeKind `json:"kind"`
	Before any             `json:"before"`
	After  any             `json:"after"`
	Words  string          `json:"words"`
}

type conflictView struct {
	Path     string `json:"path"`
	Base     any    `json:"base"`
	Draft    any    `json:"draft"`
	Original any    `json:"original"`
	Words    string `json:"words"`
}

type planWarning struct {
	Kind  jobs.PlanWarningKind `json:"kind"`
	Path  string               `json:"path"`
	Words string               `json:"words"`
}

// fireChanges are the fires to come that a commit changes; complete is false if there are so many that only those to until were compared.
type fireChanges struct {
	From     stamp        `json:"from" wire:"set"`
	Until    stamp        `json:"until" wire:"set"`
	Complete bool         `json:"complete"`
	Added    countedFires `json:"added"`
	Removed  countedFires `json:"removed"`
	Moved    movedFires   `json:"moved"`
}

type countedFires struct {
	Count int     `json:"count"`
	First []stamp `json:"first"`
}

type movedFires struct {
	Count int         `json:"count"`
	First []movedFire `json:"first"`
}

type movedFire struct {
	From stamp `json:"from" wire:"set"`
	To   stamp `json:"to" wire:"set"`
}

// planCommit serves GET /jobs/{id}/draft/plan.
func (a *API) planCommit(w http.ResponseWriter, r *request) error {
	ref, err := r.job()
	if err != nil {
		return err
	}
	if err := noQuery(r.Request); err != nil {
		return r.below(ref, err)
	}
	p, err := r.client.PlanCommit(r.Context(), ref)
	if err != nil {
		return err
	}
	return write(w, r.Request, http.StatusOK, a.newPlanView(p))
}

func (a *API) newPlanView(p *jobs.CommitPlan) planView {
	f := p.Fires
	v := planView{
		Links: links{
			"self": a.link("jobs", string(p.Draft.ID), "draft", "plan"), "inf:draft": a.link("jobs", string(p.Draft.ID)),
			"inf:original": a.link("jobs", string(p.Original.ID)), "inf:commit-draft": a.link("jobs", string(p.Draft.ID), "_commit"),
		},
		DraftID: p.Draft.ID, JobID: p.Original.ID, Changes: []changeView{}, Conflicts: []conflictView{}, Warnings: []planWarning{},
		Fires: fireChanges{
			From: stamp(f.From), Until: stamp(f.Until), Complete: f.Complete,
			Added: countedFires{f.AddedCount, stamps(f.Added)}, Removed: countedFires{f.RemovedCount, stamps(f.Removed)},
			Moved: movedFires{f.MovedCount, []movedFire{}},
		},
	}
	for _, m := range f.Moved {
		v.Fires.Moved.First = append(v.Fires.Moved.First, movedFire{stamp(m.From), stamp(m.To)})
	}
	for _, x := range p.Changes {
		v.Changes = append(v.Changes, changeView(x))
	}
	for _, x := range p.Conflicts {
		v.Conflicts = append(v.Conflicts, conflictView(x))
	}
	for _, x := range p.Warnings {
		v.Warnings = append(v.Warnings, planWarning(x))
	}
	return v
}

func stamps(times []time.Time) []stamp {
	out := make([]stamp, len(times))
	for i, t := range times {
		out[i] = stamp(t)
	}
	return out
}

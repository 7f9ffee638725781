package httpapi

import (
	"encoding/json"
	"net/http"
	"strconv"

	"github.com/carillon-go/carillon/jobs"
)

var revisionRoutes = []route{
	{
		method: "GET", path: "/jobs/:id/revisions", group: groupRead, handle: (*API).listRevisions,
		name: "listRevisions", summary: "Who changed the definition of a job, when and how, newest first", query: asks(readPage),
		answers: answers{200: page{rel: "inf:job-revision", item: revisionItem{}}},
	},
	{
		method: "GET", path: "/jobs/:id/revisions/:revision", group: groupRead, handle: (*API).getRevision,
		name: "getRevision", summary: "A revision with its definition", answers: answers{200: revisionView{}},
	},
	{
		method: "POST", path: "/jobs/:id/revisions/:revision/_restore", group: groupEdit, handle: (*API).restoreRevision,
		name: "restoreRevision", summary: "Make a draft from a revision", body: mayRead(readForceBody),
		answers: answers{200: jobView{}}, also: []int{409}, tagged: true,
	},
}

// revisionItem is a revision as lists show it (contract 20.4).
type revisionItem struct {
	Links    links   `json:"_links"`
	JobID    jobs.ID `json:"jobId"`
	Revision int64   `json:"revision"`
	// Current: it is what the job does now.
	Current       bool     `json:"current"`
	OwnerID       text     `json:"ownerId"`
	CreatedBy     text     `json:"createdBy"`
	CreatedByName text     `json:"createdByName"`
	CreatedAt     stamp    `json:"createdAt" wire:"set"`
	Changes       []string `json:"changes"`
}

// revisionView is a revision with its definition, whose fields are as the full job has them. Its parts have no links: those are the present
// ones' of the job.
type revisionView struct {
	revisionItem
	Definition definitionView `json:"definition"`
}

type definitionView struct {
	Type         string            `json:"type"`
	Name         string            `json:"name"`
	Description  text              `json:"description"`
	Interval     text              `json:"interval"`
	IntervalType text              `json:"intervalType"`
	Timezone     text              `json:"timezone"`
	StartOn      stamp             `json:"startOn"`
	EndOn        stamp             `json:"endOn"`
	Data         json.RawMessage   `json:"data" wire:"object"`
	Policies     policiesView      `json:"policies"`
	Datasets     []associationView `json:"datasets"`
	Actions      []actionView      `json:"actions"`
}

// readPage reads the parameters of a list that is only paged.
func readPage(q *query) [2]int {
	start, limit := q.page(30)
	return [2]int{start, limit}
}

// revisionItems builds revisions of a job.
func (a *API) revisionItems(r *request, j *jobs.Job, current int64, revisions []jobs.Revision) ([]revisionItem, error) {
	var makers []jobs.PrincipalID
	for _, x := range revisions {
		if x.By != "" {
			makers = append(makers, x.By)
		}
	}
	names, err := r.client.Names(r.Context(), makers)
	if err != nil {
		return nil, err
	}
	restores := r.client.Principal().PermissionsOn(j).Edit && !j.IsDraft()
	items := make([]revisionItem, len(revisions))
	for i, x := range revisions {
		number := strconv.FormatInt(x.Number, 10)
		items[i] = revisionItem{
			Links: links{"self": a.link("jobs", string(j.ID), "revisions", number)}, JobID: j.ID, Revision: x.Number, Current: x.Number == current,
			OwnerID: text(x.OwnerID), CreatedBy: text(x.By), CreatedByName: text(names[x.By]), CreatedAt: stamp(x.CreatedAt), Changes: x.Changes,
		}
		if restores {
			items[i].Links["inf:restore"] = a.link("jobs", string(j.ID), "revisions", number, "_restore")
		}
	}
	return items, nil
}

// listRevisions serves GET /jobs/{id}/revisions.
func (a *API) listRevisions(w http.ResponseWriter, r *request) error {
	ref, err := r.job()
	if err != nil {
		return err
	}
	q, err := newQuery(r.Request)
	if err != nil {
		return r.below(ref, err)
	}
	part := readPage(q)
	if err := q.finish(); err != nil {
		return r.below(ref, err)
	}
	j, page, err := r.client.Revisions(r.Context(), ref, part[0], part[1])
	if err != nil {
		return err
	}
	items, err := a.revisionItems(r, j, j.Revision, page.Items)
	if err != nil {
		return err
	}
	self := a.link("jobs", string(j.ID), "revisions")
	return write(w, r.Request, http.StatusOK, newCollection(r.Request, self, "inf:job-revision", items, part[0], part[1], page.Total))
}

// jobRevision reads :id and :revision. A number in another form than ours does not exist.
func (r *request) jobRevision() (jobs.JobRef, int64, error) {
	ref, err := r.job()
	if err != nil {
		return ref, 0, err
	}
	word := r.params.ByName("revision")
	n, err := strconv.ParseInt(word, 10, 64)
	if err != nil || n < 1 || strconv.FormatInt(n, 10) != word {
		return ref, 0, r.below(ref, jobs.NotFound("revision"))
	}
	return ref, n, nil
}

// getRevision serves GET /jobs/{id}/revisions/{revision}.
func (a *API) getRevision(w http.ResponseWriter, r *request) error {
	ref, n, err := r.jobRevision()
	if err != nil {
		return err
	}
	j, revision, current, err := r.client.Revision(r.Context(), ref, n)
	if err != nil {
		return err
	}
	if err := noQuery(r.Request); err != nil {
		return err
	}
	items, err := a.revisionItems(r, j, current, []jobs.Revision{*revision})
	if err != nil {
		return err
	}
	return write(w, r.Request, http.StatusOK, revisionView{items[0], a.definitionView(r, j)})
}

func (a *API) definitionView(r *request, j *jobs.Job) definitionView {
	item := a.newJobItem(j)
	v := definitionView{
		Type: item.Type, Name: item.Name, Description: item.Description, Interval: item.Interval, IntervalType: item.IntervalType,
		Timezone: item.Timezone, StartOn: item.StartOn, EndOn: item.EndOn, Data: orObject(j.Data), Policies: newPoliciesView(j.Policies),
		Datasets: a.associationViews(r, j), Actions: a.actionViews(j),
	}
	for i := range v.Datasets {
		v.Datasets[i].Links = links{}
	}
	for i := range v.Actions {
		v.Actions[i].Links = links{}
		for k := range v.Actions[i].Embedded.Attachments {
			v.Actions[i].Embedded.Attachments[k].Links = links{}
		}
	}
	return v
}

// restoreRevision serves POST /jobs/{id}/revisions/{revision}/_restore.
func (a *API) restoreRevision(w http.ResponseWriter, r *request) error {
	ref, n, err := r.jobRevision()
	if err != nil {
		return err
	}
	if err := r.client.CanRestore(r.Context(), ref, n); err != nil {
		return err
	}
	b, err := newBody(r.Request, true)
	if err != nil {
		return err
	}
	force := readForceBody(b)
	if err := b.finish(); err != nil {
		return err
	}
	draft, err := r.client.RestoreRevision(r.Context(), ref, n, force)
	if err != nil {
		return err
	}
	return a.writeJob(w, r, http.StatusOK, draft)
}

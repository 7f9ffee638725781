package httpapi

import (
	"context"
	"encoding/json"
	"net/http"

	"github.com/carillon-go/carillon/jobs"
)

var jobRoutes = []route{
	{
		method: "POST", path: "/jobs", group: groupCreate, handle: (*API).createJob,
		name: "createJob", summary: "Create a job with its actions, from a template if one is named", body: reads(describeNewJob),
		answers: answers{201: jobView{}}, also: []int{409}, tagged: true,
	},
	{
		method: "GET", path: "/jobs/:id", group: groupRead, handle: (*API).getJob,
		name: "getJob", summary: "Get a job with its actions", answers: answers{200: jobView{}}, tagged: true,
	},
	{
		method: "POST", path: "/jobs/:id", group: groupRun, handle: (*API).runJob,
		name: "runJob", summary: "Run a job now and wait for the end", query: asks(readRunWait), body: mayRead(readRunParams),
		answers: answers{200: runView{}, 202: runView{}}, also: []int{409}, headers: []string{"Prefer", "Idempotency-Key"},
	},
	{
		method: "PUT", path: "/jobs/:id", group: groupEdit, handle: (*API).updateJob,
		name: "updateJob", summary: "Change the fields that are sent", body: reads(readJobPatch),
		answers: answers{200: jobView{}}, also: []int{409}, tagged: true,
	},
	{
		method: "DELETE", path: "/jobs/:id", group: groupFull, handle: (*API).deleteJob,
		name: "deleteJob", summary: "Remove a job with all that belongs to it", query: asks(readForce),
		answers: answers{204: nothing{}}, also: []int{409}, tagged: true,
		words: map[string]string{"force": "Cancel a live run of the job first; without it the answer is 409"},
	},
}

// jobItem is a job as lists show it (contract 2.1, fields marked L).
type jobItem struct {
	Links        links        `json:"_links"`
	ID           jobs.ID      `json:"id"`
	Type         string       `json:"type"`
	Name         string       `json:"name"`
	Slug         text         `json:"slug"`
	Description  text         `json:"description"`
	OwnerID      string       `json:"ownerId"`
	Interval     text         `json:"interval"`
	IntervalType text         `json:"intervalType"`
	Timezone     text         `json:"timezone"`
	Enabled      bool         `json:"enabled"`
	StartOn      stamp        `json:"startOn"`
	EndOn        stamp        `json:"endOn"`
	NextRunAt    stamp        `json:"nextRunAt"`
	LockedAt     stamp        `json:"lockedAt"`
	LastRun      *lastRunView `json:"lastRun"`
	CreatedAt    stamp        `json:"createdAt" wire:"set"`
	UpdatedAt    stamp        `json:"updatedAt" wire:"set"`
	// Broken says why the stored definition cannot be read; such a job can only be removed. Lists, which do not read it, cannot tell.
	Broken text `json:"broken,omitempty"`
}

type lastRunView struct {
	ID       jobs.RunID     `json:"id"`
	Status   jobs.RunStatus `json:"status"`
	Success  bool           `json:"success"`
	Warnings bool           `json:"warnings"`
	Duration [2]stamp       `json:"duration"`
}

// jobView is the full job (contract 2.1).
type jobView struct {
	jobItem
	NaturalID     string          `json:"naturalId"`
	Tenant        jobs.TenantID   `json:"tenant"`
	OwnerName     string          `json:"ownerName"`
	Data          json.RawMessage `json:"data" wire:"object"`
	Policies      policiesView    `json:"policies"`
	EditingID     text            `json:"editingId"`
	Shared        bool            `json:"shared"`
	Favorite      bool            `json:"favorite"`
	Tags          []string        `json:"tags"`
	Permissions   permissionsView `json:"permissions"`
	Revision      int64           `json:"revision"`
	DefnUpdatedAt stamp           `json:"defnUpdatedAt" wire:"set"`
	Drafts        []editorView    `json:"drafts"`
	Embedded      jobParts        `json:"_embedded"`
}

type jobParts struct {
	Driver   *driverItem       `json:"inf:job-driver"`
	Datasets []associationView `json:"inf:dataset"`
	Actions  []actionView      `json:"inf:job-action"`
}

func (a *API) newJobItem(j *jobs.Job) jobItem {
	s := j.Summary()
	item := a.newSummaryItem(&s)
	item.Broken = text(j.Broken)
	return item
}

func (a *API) newSummaryItem(s *jobs.JobSummary) jobItem {
	item := jobItem{
		Links: links{"self": a.link("jobs", string(s.ID))}, ID: s.ID, Type: s.Type, Name: s.Name, Slug: text(s.Slug),
		Description: text(s.Description), OwnerID: string(s.OwnerID), Interval: text(s.Schedule.Interval),
		IntervalType: text(s.Schedule.IntervalType), Timezone: text(s.Schedule.Timezone), Enabled: s.Enabled,
		StartOn: stamp(s.Schedule.StartOn), EndOn: stamp(s.Schedule.EndOn), NextRunAt: stamp(s.NextRunAt),
		LockedAt: stamp(s.LockedAt), CreatedAt: stamp(s.CreatedAt), UpdatedAt: stamp(s.UpdatedAt),
	}
	if l := s.LastRun; l != nil {
		success := l.Status == jobs.RunSuccess || l.Status == jobs.RunWarning
		item.LastRun = &lastRunView{l.ID, l.Status, success, l.Warnings, [2]stamp{stamp(l.StartedAt), stamp(l.EndedAt)}}
	}
	return item
}

// jobView builds the full job as the caller sees it.
func (a *API) jobView(ctx context.Context, r *request, j *jobs.Job) (jobView, error) {
	names, err := r.client.Names(ctx, []jobs.PrincipalID{j.OwnerID})
	switch {
	case err != nil && safe(r.Method):
		return jobView{}, err
	case err != nil:
		// What was written is written; a caller who is told of a failure would write it again.
		a.log.WarnContext(ctx, "no name of the owner for an answer", "request_id", r.id, "err", err)
		names = map[jobs.PrincipalID]string{j.OwnerID: string(j.OwnerID)}
	}
	favorites, err := a.favorites(r, j)
	if err != nil {
		return jobView{}, err
	}
	perms := r.client.Principal().PermissionsOn(j)
	v := jobView{
		jobItem: a.newJobItem(j), NaturalID: j.NaturalID(), Tenant: j.Tenant, OwnerName: names[j.OwnerID], Data: orObject(j.Data),
		Policies: newPoliciesView(j.Policies), EditingID: text(j.EditingID), Shared: len(j.Shares) > 0, Favorite: favorites[j.ID], Tags: tagTexts(j.TagIDs()),
		Permissions: newPermissionsView(perms), Revision: j.Revision, DefnUpdatedAt: stamp(j.DefnUpdatedAt), Drafts: []editorView{},
		Embedded: jobParts{Datasets: a.associationViews(r, j), Actions: a.actionViews(j)},
	}
	if d, err := r.client.Driver(ctx, jobs.DriverJob, j.Type); err == nil {
		item := a.newDriverItem(d)
		v.Embedded.Driver = &item
	}
	id := string(j.ID)
	v.Links["inf:job-actions"] = a.link("jobs", id, "actions")
	v.Links["inf:job-datasets"] = a.link("jobs", id, "datasets")
	v.Links["inf:job-tags"] = a.link("jobs", id, "tags")
	v.Links["inf:job-histories"] = a.link("jobs", id, "history")
	if perms.Run {
		v.Links["inf:run"] = a.link("jobs", id)
	}
	switch err := a.addDrafts(ctx, r, j, &v); {
	case err != nil && safe(r.Method):
		return jobView{}, err
	case err != nil:
		a.log.WarnContext(ctx, "no drafts for an answer", "request_id", r.id, "err", err) // as above
	}
	if perms.Share {
		v.Links["inf:job-shares"] = a.link("jobs", id, "shares")
	}
	return v, nil
}

// getJob serves GET /jobs/{id}.
func (a *API) getJob(w http.ResponseWriter, r *request) error {
	ref, err := r.job()
	if err != nil {
		return err
	}
	if err := noQuery(r.Request); err != nil {
		return r.below(ref, err)
	}
	j, err := r.client.Job(r.Context(), ref)
	if err != nil {
		return err
	}
	v, err := a.jobView(r.Context(), r, j)
	if err != nil {
		return err
	}
	return writeTagged(w, r.Request, jobVersion(j), v)
}

// createJob serves POST /jobs.
func (a *API) createJob(w http.ResponseWriter, r *request) error {
	if !r.client.MayCreateJobs() {
		return jobs.Forbidden("jobs:create is not allowed")
	}
	b, err := newBody(r.Request, false)
	if err != nil {
		return err
	}
	spec, err := r.newJobSpec(b)
	if err != nil {
		return err
	}
	j, err := r.client.CreateJob(r.Context(), spec)
	if err != nil {
		return err
	}
	v, err := a.jobView(r.Context(), r, j)
	if err != nil {
		return err
	}
	w.Header().Set("Location", a.path("jobs", string(j.ID)))
	return writeVersion(w, r.Request, http.StatusCreated, jobVersion(j), v)
}

// updateJob serves PUT /jobs/{id}.
func (a *API) updateJob(w http.ResponseWriter, r *request) error {
	ref, err := r.job()
	if err != nil {
		return err
	}
	if err := r.mayEdit(ref); err != nil {
		return err
	}
	b, err := newBody(r.Request, false)
	if err != nil {
		return err
	}
	patch := readJobPatch(b)
	if err := b.finish(); err != nil {
		return err
	}
	j, err := r.client.UpdateJob(r.Context(), ref, patch, r.expectRevision(ref))
	if err != nil {
		return err
	}
	v, err := a.jobView(r.Context(), r, j)
	if err != nil {
		return err
	}
	return writeVersion(w, r.Request, http.StatusOK, jobVersion(j), v)
}

// mayEdit keeps the order of checks: what the caller may not do is said before what is wrong with the body.
func (r *request) mayEdit(ref jobs.JobRef) error {
	return r.client.Can(r.Context(), ref, jobs.PermissionEdit)
}

// readForce reads the parameter force, false without one.
func readForce(q *query) bool {
	force := q.boolean("force")
	return force != nil && *force
}

// deleteJob serves DELETE /jobs/{id}.
func (a *API) deleteJob(w http.ResponseWriter, r *request) error {
	ref, err := r.job()
	if err != nil {
		return err
	}
	if err := r.client.Can(r.Context(), ref, jobs.PermissionDelete); err != nil {
		return err
	}
	q, err := newQuery(r.Request)
	if err != nil {
		return err
	}
	force := readForce(q)
	if err := q.finish(); err != nil {
		return err
	}
	if err := r.client.DeleteJob(r.Context(), ref, force, r.expectRevision(ref)); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

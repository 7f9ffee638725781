package httpapi

import (
	"context"
	"net/http"

	"github.com/carillon-go/carillon/jobs"
)

var draftRoutes = []route{
	{
		method: "POST", path: "/jobs/:id/_edit", group: groupEdit, handle: (*API).editJob,
		name: "editJob", summary: "Get the caller's draft of a job, or make one", body: noFields, answers: answers{200: jobView{}},
		also: []int{409}, tagged: true,
	},
	{
		method: "POST", path: "/jobs/:id/_commit", group: groupEdit, handle: (*API).commitDraft,
		name: "commitDraft", summary: "Publish a draft as the next revision of its job", body: mayRead(readForceBody),
		answers: answers{200: jobView{}}, also: []int{409}, tagged: true,
	},
	{
		method: "GET", path: "/jobs/:id/draft", group: groupRead, handle: (*API).getDraft,
		name: "getDraft", summary: "Get the caller's draft of a job", answers: answers{200: jobView{}}, tagged: true,
	},
	{
		method: "DELETE", path: "/jobs/:id/draft", group: groupRead, handle: (*API).discardDraft,
		name: "discardDraft", summary: "Throw the caller's draft of a job away", answers: answers{204: nothing{}}, tagged: true,
	},
	{
		method: "POST", path: "/jobs/:id/draft/_commit", group: groupEdit, handle: (*API).commitDraft,
		name: "commitDraftOfJob", summary: "Publish the caller's draft of a job, as _commit does", body: mayRead(readForceBody),
		answers: answers{200: jobView{}}, also: []int{409}, tagged: true,
	},
	{
		method: "GET", path: "/jobs/:id/draft/plan", group: groupRead, handle: (*API).planCommit,
		name: "planCommit", summary: "What a commit of the caller's draft would do", answers: answers{200: planView{}}, also: []int{409},
	},
	{
		method: "GET", path: "/job-drafts", group: groupIdentity, handle: (*API).listDrafts,
		name: "listDrafts", summary: "The drafts of the caller, the one changed last first", answers: answers{200: []draftItem{}},
	},
}

// editorView is somebody else who has a draft of a job (contract 20.6).
type editorView struct {
	OwnerID   jobs.PrincipalID `json:"ownerId"`
	OwnerName string           `json:"ownerName"`
	CreatedAt stamp            `json:"createdAt" wire:"set"`
	UpdatedAt stamp            `json:"updatedAt" wire:"set"`
}

// addDrafts adds to the view of a job what drafts there are, and to that of a draft where it belongs.
func (a *API) addDrafts(ctx context.Context, r *request, j *jobs.Job, v *jobView) error {
	id := string(j.ID)
	if j.IsDraft() {
		v.Links["inf:original"] = a.link("jobs", string(j.EditingID))
		v.Links["inf:commit-draft"] = a.link("jobs", id, "_commit")
		return nil
	}
	if v.Permissions.Edit {
		v.Links["edit"] = a.link("jobs", id, "_edit")
	}
	editors, err := r.client.Editors(ctx, j)
	if err != nil {
		return err
	}
	users := make([]jobs.PrincipalID, len(editors))
	for i, e := range editors {
		users[i] = e.User
	}
	names, err := r.client.Names(ctx, users)
	if err != nil {
		return err
	}
	for _, e := range editors {
		if e.User == r.client.Principal().User {
			v.Links["inf:draft"] = a.link("jobs", id, "draft")
			continue
		}
		v.Drafts = append(v.Drafts, editorView{e.User, names[e.User], stamp(e.CreatedAt), stamp(e.UpdatedAt)})
	}
	return nil
}

// writeJob answers with the full job.
func (a *API) writeJob(w http.ResponseWriter, r *request, status int, j *jobs.Job) error {
	v, err := a.jobView(r.Context(), r, j)
	if err != nil {
		return err
	}
	return writeVersion(w, r.Request, status, jobVersion(j), v)
}

// editJob serves POST /jobs/{id}/_edit.
func (a *API) editJob(w http.ResponseWriter, r *request) error {
	ref, err := r.job()
	if err != nil {
		return err
	}
	if err := r.client.CanEdit(r.Context(), ref); err != nil {
		return err
	}
	if err := noBody(r.Request); err != nil {
		return err
	}
	draft, err := r.client.EditJob(r.Context(), ref)
	if err != nil {
		return err
	}
	return a.writeJob(w, r, http.StatusOK, draft)
}

// readForceBody reads the body of contract 5.2.
func readForceBody(b *body) bool { return given(b, "force", b.boolean("force")).Value }

// commitDraft serves POST /jobs/{id}/_commit and /jobs/{id}/draft/_commit.
func (a *API) commitDraft(w http.ResponseWriter, r *request) error {
	ref, err := r.job()
	if err != nil {
		return err
	}
	if err := r.client.CanEdit(r.Context(), ref); err != nil {
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
	j, err := r.client.CommitDraft(r.Context(), ref, force)
	if err != nil {
		return err
	}
	return a.writeJob(w, r, http.StatusOK, j)
}

// getDraft serves GET /jobs/{id}/draft.
func (a *API) getDraft(w http.ResponseWriter, r *request) error {
	ref, err := r.job()
	if err != nil {
		return err
	}
	if err := noQuery(r.Request); err != nil {
		return r.below(ref, err)
	}
	draft, err := r.client.Draft(r.Context(), ref)
	if err != nil {
		return err
	}
	v, err := a.jobView(r.Context(), r, draft)
	if err != nil {
		return err
	}
	return writeTagged(w, r.Request, jobVersion(draft), v)
}

// discardDraft serves DELETE /jobs/{id}/draft.
func (a *API) discardDraft(w http.ResponseWriter, r *request) error {
	ref, err := r.job()
	if err != nil {
		return err
	}
	if err := r.client.CanDiscard(r.Context(), ref); err != nil {
		return err
	}
	if err := noQuery(r.Request); err != nil {
		return err
	}
	draft, err := r.client.Draft(r.Context(), ref)
	if err != nil {
		return err
	}
	own := jobs.JobRef{ID: draft.ID}
	if err := r.client.DiscardDraft(r.Context(), own, r.expectRevision(own)); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// draftItem is a draft of the caller (contract 5.6).
type draftItem struct {
	ID          jobs.ID          `json:"id"`
	Type        string           `json:"type"`
	Name        string           `json:"name"`
	OwnerID     jobs.PrincipalID `json:"ownerId"`
	EditingID   jobs.ID          `json:"editingId"`
	Description text             `json:"description"`
	CreatedAt   stamp            `json:"createdAt" wire:"set"`
	UpdatedAt   stamp            `json:"updatedAt" wire:"set"`
	Editing     draftOriginal    `json:"editing"`
}

// draftOriginal is the job that a draft is of. What the caller cannot read any more is null.
type draftOriginal struct {
	ID      jobs.ID `json:"id"`
	Type    string  `json:"type"`
	Name    text    `json:"name"`
	OwnerID text    `json:"ownerId"`
	Slug    text    `json:"slug"`
}

// listDrafts serves GET /job-drafts.
func (a *API) listDrafts(w http.ResponseWriter, r *request) error {
	if err := noQuery(r.Request); err != nil {
		return err
	}
	drafts, err := r.client.Drafts(r.Context())
	if err != nil {
		return err
	}
	list := make([]draftItem, len(drafts))
	for i, d := range drafts {
		list[i] = draftItem{
			ID: d.ID, Type: d.Type, Name: d.Name, OwnerID: d.OwnerID, EditingID: d.EditingID, Description: text(d.Description),
			CreatedAt: stamp(d.CreatedAt), UpdatedAt: stamp(d.UpdatedAt), Editing: draftOriginal{ID: d.EditingID, Type: d.Type},
		}
		if o := d.Original; o != nil {
			list[i].Editing = draftOriginal{ID: o.ID, Type: o.Type, Name: text(o.Name), OwnerID: text(o.OwnerID), Slug: text(o.Slug)}
		}
	}
	return writePlain(w, r.Request, list)
}

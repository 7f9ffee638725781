package httpapi

import (
	"net/http"

	"github.com/carillon-go/carillon/jobs"
)

var shareRoutes = []route{
	{
		method: "GET", path: "/jobs/:id/shares", group: groupRead, handle: (*API).listShares,
		name: "listShares", summary: "Who else may act on a job", answers: answers{200: page{rel: "inf:share", item: shareView{}}},
	},
	{
		method: "GET", path: "/jobs/:id/shares/:principalId", group: groupRead, handle: (*API).getShare,
		name: "getShare", summary: "What a user or a team may do with a job", answers: answers{200: shareView{}},
	},
	{
		method: "PUT", path: "/jobs/:id/shares/:principalId", group: groupShare, handle: (*API).putShare,
		name: "putShare", summary: "Share a job with a user or a team, or change the level", body: reads(readShare),
		answers: answers{200: shareView{}}, also: []int{409},
	},
	{
		method: "DELETE", path: "/jobs/:id/shares/:principalId", group: groupShare, handle: (*API).deleteShare,
		name: "deleteShare", summary: "Take a share away; a user may give back its own", answers: answers{204: nothing{}}, also: []int{409},
	},
}

// shareView is a share (contract 14.1).
type shareView struct {
	Links       links            `json:"_links"`
	JobID       jobs.ID          `json:"jobId"`
	PrincipalID jobs.PrincipalID `json:"principalId"`
	AccessLevel jobs.Level       `json:"accessLevel"`
	Principal   *principalView   `json:"principal"`
	CreatedAt   stamp            `json:"createdAt"`
	UpdatedAt   stamp            `json:"updatedAt"`
}

// principalView is a user or a team as others see it.
type principalView struct {
	ID   jobs.PrincipalID `json:"id"`
	Name string           `json:"name"`
	Type string           `json:"type"`
}

func newPrincipalView(p jobs.PrincipalInfo) *principalView {
	v := &principalView{ID: p.ID, Name: p.Name, Type: "user"}
	if p.ID.IsTeam() {
		v.Type = "team"
	}
	return v
}

// shareViews builds shares of one job; whom the directory no longer knows has no principal.
func (a *API) shareViews(r *request, shares []jobs.Share) ([]shareView, error) {
	ids := make([]jobs.PrincipalID, len(shares))
	for i, s := range shares {
		ids[i] = s.PrincipalID
	}
	known, err := r.client.Known(r.Context(), ids)
	switch {
	case err != nil && safe(r.Method):
		return nil, err
	case err != nil:
		// What was written is written; a caller who is told of a failure would write it again.
		a.log.WarnContext(r.Context(), "no names of principals for an answer", "request_id", r.id, "err", err)
	}
	views := make([]shareView, len(shares))
	for i, s := range shares {
		views[i] = shareView{
			Links: links{"self": a.link("jobs", string(s.JobID), "shares", string(s.PrincipalID))}, JobID: s.JobID, PrincipalID: s.PrincipalID,
			AccessLevel: s.Level, CreatedAt: stamp(s.CreatedAt), UpdatedAt: stamp(s.UpdatedAt),
		}
		if p, ok := known[s.PrincipalID]; ok {
			views[i].Principal = newPrincipalView(p)
		}
	}
	return views, nil
}

// jobShare reads :id and :principalId.
func (r *request) jobShare() (jobs.JobRef, jobs.PrincipalID, error) {
	ref, err := r.job()
	return ref, jobs.ParsePrincipalID(r.params.ByName("principalId")), err
}

// listShares serves GET /jobs/{id}/shares.
func (a *API) listShares(w http.ResponseWriter, r *request) error {
	ref, err := r.job()
	if err != nil {
		return err
	}
	j, err := r.client.Shares(r.Context(), ref)
	if err != nil {
		return err
	}
	if err := noQuery(r.Request); err != nil {
		return err
	}
	views, err := a.shareViews(r, j.Shares)
	if err != nil {
		return err
	}
	self := a.link("jobs", string(j.ID), "shares")
	return write(w, r.Request, http.StatusOK, wholeCollection(r.Request, self, "inf:share", views))
}

// getShare serves GET /jobs/{id}/shares/{principalId}.
func (a *API) getShare(w http.ResponseWriter, r *request) error {
	ref, p, err := r.jobShare()
	if err != nil {
		return err
	}
	s, err := r.client.Share(r.Context(), ref, p)
	if err != nil {
		return err
	}
	if err := noQuery(r.Request); err != nil {
		return err
	}
	return a.writeShare(w, r, s)
}

func (a *API) writeShare(w http.ResponseWriter, r *request, s jobs.Share) error {
	views, err := a.shareViews(r, []jobs.Share{s})
	if err != nil {
		return err
	}
	return write(w, r.Request, http.StatusOK, views[0])
}

// readShare reads the body of contract 14.2. What was read can be sent back.
func readShare(b *body) jobs.Level {
	level := given(b, "accessLevel", b.integer("accessLevel"))
	b.requires("accessLevel")
	if !b.has("accessLevel") {
		b.faults.Add("accessLevel", "is required: 1, 2, 3, 5 or 10")
	}
	b.ignore("jobId", "principalId", "principal", "createdAt", "updatedAt", "_links")
	return jobs.Level(level.Value)
}

// putShare serves PUT /jobs/{id}/shares/{principalId}.
func (a *API) putShare(w http.ResponseWriter, r *request) error {
	ref, p, err := r.jobShare()
	if err != nil {
		return err
	}
	if err := r.client.Can(r.Context(), ref, jobs.PermissionShare); err != nil {
		return err
	}
	b, err := newBody(r.Request, false)
	if err != nil {
		return err
	}
	level := readShare(b)
	if err := b.finish(); err != nil {
		return err
	}
	if err := r.expectNothing(); err != nil {
		return err
	}
	s, err := r.client.PutShare(r.Context(), ref, p, level)
	if err != nil {
		return err
	}
	return a.writeShare(w, r, s)
}

// deleteShare serves DELETE /jobs/{id}/shares/{principalId}.
func (a *API) deleteShare(w http.ResponseWriter, r *request) error {
	ref, p, err := r.jobShare()
	if err != nil {
		return err
	}
	if err := r.client.CanDeleteShare(r.Context(), ref, p); err != nil {
		return err
	}
	if err := noQuery(r.Request); err != nil {
		return err
	}
	if err := r.expectNothing(); err != nil {
		return err
	}
	if err := r.client.DeleteShare(r.Context(), ref, p); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

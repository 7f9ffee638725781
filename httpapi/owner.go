package httpapi

import (
	"net/http"

	"github.com/carillon-go/carillon/jobs"
)

var ownerRoutes = []route{
	{
		method: "PUT", path: "/jobs/:id/owner", group: groupFull, handle: (*API).handOver,
		name: "handOverJob", summary: "Hand a job over; it is switched off and loses its secrets", body: reads(readHandOver),
		answers: answers{200: jobView{}}, also: []int{409}, tagged: true,
	},
}

// handOverBody is the body of contract 14.5.
type handOverBody struct {
	owner jobs.PrincipalID
	keep  bool
}

func readHandOver(b *body) handOverBody {
	owner, keep := given(b, "ownerId", b.text("ownerId")), given(b, "keepAccess", b.boolean("keepAccess"))
	b.requires("ownerId")
	if !b.has("ownerId") {
		b.faults.Add("ownerId", "is required")
	}
	return handOverBody{jobs.ParsePrincipalID(owner.Value), keep.Value}
}

// handOver serves PUT /jobs/{id}/owner.
func (a *API) handOver(w http.ResponseWriter, r *request) error {
	ref, err := r.job()
	if err != nil {
		return err
	}
	if err := r.client.Can(r.Context(), ref, jobs.PermissionChangeOwner); err != nil {
		return err
	}
	b, err := newBody(r.Request, false)
	if err != nil {
		return err
	}
	to := readHandOver(b)
	if err := b.finish(); err != nil {
		return err
	}
	j, err := r.client.HandOver(r.Context(), ref, to.owner, to.keep, r.expectRevision(ref))
	if err != nil {
		return err
	}
	v, err := a.jobView(r.Context(), r, j)
	if err != nil {
		return err
	}
	return writeVersion(w, r.Request, http.StatusOK, jobVersion(j), v)
}

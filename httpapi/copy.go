package httpapi

import (
	"net/http"

	"github.com/carillon-go/carillon/jobs"
)

var copyRoutes = []route{
	{
		method: "POST", path: "/jobs/:id/copy", group: groupRun, handle: (*API).copyJob,
		name: "copyJob", summary: "Make a disabled job of the same definition, without secrets", query: asks(readSharing), body: reads(readCopySpec),
		answers: answers{201: jobView{}}, also: []int{409}, tagged: true,
	},
	{
		method: "GET", path: "/job-id", group: groupCreate, handle: (*API).freeSlug,
		name: "getFreeSlug", summary: "The slug that a new job of a name would get", query: asks(readSlugName), answers: answers{200: slugView{}},
		words: map[string]string{"name": "Name of the job to be; it needs a letter or a digit"},
	},
}

func readSharing(q *query) bool {
	sharing := q.boolean("sharing")
	return sharing != nil && *sharing
}

// readCopySpec reads the body of contract 2.6.
func readCopySpec(b *body) jobs.CopySpec {
	b.requires("name")
	return jobs.CopySpec{
		Name: given(b, "name", b.text("name")).Value, OwnerID: jobs.ParsePrincipalID(given(b, "ownerId", b.text("ownerId")).Value),
	}
}

// copyJob serves POST /jobs/{id}/copy.
func (a *API) copyJob(w http.ResponseWriter, r *request) error {
	ref, err := r.job()
	if err != nil {
		return err
	}
	if err := r.client.CanCopy(r.Context(), ref, false); err != nil {
		return err
	}
	q, err := newQuery(r.Request)
	if err != nil {
		return err
	}
	sharing := readSharing(q)
	if err := q.finish(); err != nil {
		return err
	}
	if err := r.client.CanCopy(r.Context(), ref, sharing); err != nil {
		return err
	}
	b, err := newBodyBesideQuery(r.Request, false)
	if err != nil {
		return err
	}
	spec := readCopySpec(b)
	spec.Sharing = sharing
	if err := b.finish(); err != nil {
		return err
	}
	j, err := r.client.CopyJob(r.Context(), ref, spec)
	if err != nil {
		return err
	}
	w.Header().Set("Location", a.path("jobs", string(j.ID)))
	return a.writeJob(w, r, http.StatusCreated, j)
}

// slugView is a slug that is free (contract 2.7).
type slugView struct {
	ID string `json:"id"`
}

// readSlugName reads the parameter of contract 2.7.
func readSlugName(q *query) string { return q.text("name") }

// freeSlug serves GET /job-id.
func (a *API) freeSlug(w http.ResponseWriter, r *request) error {
	if err := r.client.CanFreeSlug(r.Context()); err != nil {
		return err
	}
	q, err := newQuery(r.Request)
	if err != nil {
		return err
	}
	name := readSlugName(q)
	if err := q.finish(); err != nil {
		return err
	}
	slug, err := r.client.FreeSlug(r.Context(), name)
	if err != nil {
		return badInput("query", err)
	}
	return writePlain(w, r.Request, slugView{slug})
}

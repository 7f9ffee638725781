package httpapi

import (
	"net/http"

	"github.com/carillon-go/carillon/jobs"
)

var jobTagRoutes = []route{
	{
		method: "GET", path: "/jobs/:id/tags", group: groupRead, handle: (*API).listJobTags,
		name: "listJobTags", summary: "The tags of a job", answers: answers{200: page{rel: "inf:tag-entity", item: jobTagView{}}},
	},
	{
		method: "GET", path: "/jobs/:id/tags/:tagId", group: groupRead, handle: (*API).getJobTag,
		name: "getJobTag", summary: "That a job has a tag", answers: answers{200: jobTagView{}},
	},
	{
		method: "PUT", path: "/jobs/:id/tags/:tagId", group: groupEdit, handle: (*API).putJobTag,
		name: "putJobTag", summary: "Give a tag to a job", body: noFields, answers: answers{200: jobTagView{}}, also: []int{409},
	},
	{
		method: "DELETE", path: "/jobs/:id/tags/:tagId", group: groupEdit, handle: (*API).deleteJobTag,
		name: "deleteJobTag", summary: "Take a tag off a job", answers: answers{204: nothing{}}, also: []int{409},
	},
}

// jobTagView is the association of a job with a tag (contract 14.3).
type jobTagView struct {
	Links    links       `json:"_links"`
	ID       string      `json:"id"`
	TagID    jobs.TagID  `json:"tagId"`
	JobID    jobs.ID     `json:"jobId"`
	Embedded jobTagParts `json:"_embedded"`
}

type jobTagParts struct {
	Tag tagLabel `json:"inf:tag"`
}

// tagLabel is what a page shows of a tag.
type tagLabel struct {
	ID    jobs.TagID `json:"id"`
	Name  string     `json:"name"`
	Color string     `json:"color"`
}

func (a *API) newJobTagView(k jobs.JobTag) jobTagView {
	job, tag := string(k.JobID), string(k.Tag.ID)
	return jobTagView{
		Links: links{"self": a.link("jobs", job, "tags", tag), "inf:job": a.link("jobs", job), "inf:tag": a.link("tags", tag)},
		ID:    k.ID, TagID: k.Tag.ID, JobID: k.JobID, Embedded: jobTagParts{tagLabel{k.Tag.ID, k.Tag.Name, k.Tag.Color}},
	}
}

// listJobTags serves GET /jobs/{id}/tags.
func (a *API) listJobTags(w http.ResponseWriter, r *request) error {
	ref, err := r.job()
	if err != nil {
		return err
	}
	j, err := r.client.JobTags(r.Context(), ref)
	if err != nil {
		return err
	}
	if err := noQuery(r.Request); err != nil {
		return err
	}
	items := make([]jobTagView, len(j.Tags))
	for i, k := range j.Tags {
		items[i] = a.newJobTagView(k)
	}
	self := a.link("jobs", string(j.ID), "tags")
	return write(w, r.Request, http.StatusOK, wholeCollection(r.Request, self, "inf:tag-entity", items))
}

// jobTag reads :id and :tagId. The job is looked at first, so that one that cannot be read is what is not found.
func (r *request) jobTag() (jobs.JobRef, jobs.TagID, error) {
	ref, err := r.job()
	if err != nil {
		return ref, "", err
	}
	id, err := r.tag()
	if err != nil {
		return ref, "", r.below(ref, err)
	}
	return ref, id, nil
}

// getJobTag serves GET /jobs/{id}/tags/{tagId}.
func (a *API) getJobTag(w http.ResponseWriter, r *request) error {
	ref, id, err := r.jobTag()
	if err != nil {
		return err
	}
	k, err := r.client.JobTag(r.Context(), ref, id)
	if err != nil {
		return err
	}
	if err := noQuery(r.Request); err != nil {
		return err
	}
	return write(w, r.Request, http.StatusOK, a.newJobTagView(k))
}

// putJobTag serves PUT /jobs/{id}/tags/{tagId}.
func (a *API) putJobTag(w http.ResponseWriter, r *request) error {
	ref, id, err := r.jobTag()
	if err != nil {
		return err
	}
	if err := r.client.CanTag(r.Context(), ref, id); err != nil {
		return err
	}
	if err := noBody(r.Request); err != nil {
		return err
	}
	if err := r.expectNothing(); err != nil {
		return err
	}
	k, err := r.client.PutJobTag(r.Context(), ref, id)
	if err != nil {
		return err
	}
	return write(w, r.Request, http.StatusOK, a.newJobTagView(k))
}

// deleteJobTag serves DELETE /jobs/{id}/tags/{tagId}.
func (a *API) deleteJobTag(w http.ResponseWriter, r *request) error {
	ref, id, err := r.jobTag()
	if err != nil {
		return err
	}
	if err := r.client.CanUntag(r.Context(), ref, id); err != nil {
		return err
	}
	if err := noQuery(r.Request); err != nil {
		return err
	}
	if err := r.expectNothing(); err != nil {
		return err
	}
	if err := r.client.DeleteJobTag(r.Context(), ref, id); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

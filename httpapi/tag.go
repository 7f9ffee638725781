package httpapi

import (
	"net/http"

	"github.com/carillon-go/carillon/jobs"
)

var tagRoutes = []route{
	{
		method: "GET", path: "/tags", group: groupIdentity, handle: (*API).listTags,
		name: "listTags", summary: "The tags of the tenant, by name", query: asks(readTagName),
		answers: answers{200: page{rel: "inf:tag", item: tagView{}}}, words: map[string]string{"name": "A part of the name, without regard to case"},
	},
	{
		method: "POST", path: "/tags", group: groupTags, handle: (*API).createTag,
		name: "createTag", summary: "Make a tag", body: reads(readTagSpec), answers: answers{201: tagView{}}, also: []int{409},
	},
	{
		method: "GET", path: "/tags/:tagId", group: groupIdentity, handle: (*API).getTag,
		name: "getTag", summary: "Get a tag", answers: answers{200: tagView{}},
	},
	{
		method: "PUT", path: "/tags/:tagId", group: groupTags, handle: (*API).updateTag,
		name: "updateTag", summary: "Change name or color of a tag", body: reads(readTagPatch), answers: answers{200: tagView{}}, also: []int{409},
	},
	{
		method: "DELETE", path: "/tags/:tagId", group: groupTags, handle: (*API).deleteTag,
		name: "deleteTag", summary: "Remove a tag, from all jobs too", answers: answers{204: nothing{}},
	},
}

// tagView is a tag of the tenant (contract 14.4).
type tagView struct {
	Links     links      `json:"_links"`
	ID        jobs.TagID `json:"id"`
	Name      string     `json:"name"`
	Color     string     `json:"color"`
	CreatedAt stamp      `json:"createdAt"`
	UpdatedAt stamp      `json:"updatedAt"`
}

func (a *API) newTagView(k jobs.Tag) tagView {
	return tagView{
		Links: links{"self": a.link("tags", string(k.ID))}, ID: k.ID, Name: k.Name, Color: k.Color, CreatedAt: stamp(k.CreatedAt),
		UpdatedAt: stamp(k.UpdatedAt),
	}
}

func readTagName(q *query) string { return q.text("name") }

// listTags serves GET /tags.
func (a *API) listTags(w http.ResponseWriter, r *request) error {
	q, err := newQuery(r.Request)
	if err != nil {
		return err
	}
	name := readTagName(q)
	if err := q.finish(); err != nil {
		return err
	}
	tags, err := r.client.Tags(r.Context(), name)
	if err != nil {
		return err
	}
	items := make([]tagView, len(tags))
	for i, k := range tags {
		items[i] = a.newTagView(k)
	}
	return write(w, r.Request, http.StatusOK, wholeCollection(r.Request, a.link("tags"), "inf:tag", items))
}

var tagServerFields = []string{"id", "createdAt", "updatedAt", "_links"}

// readTagSpec reads the body of POST /tags: name and color.
func readTagSpec(b *body) [2]string {
	name, color := given(b, "name", b.text("name")), given(b, "color", b.text("color"))
	b.requires("name")
	b.ignore(tagServerFields...)
	return [2]string{name.Value, color.Value}
}

func readTagPatch(b *body) jobs.TagPatch {
	p := jobs.TagPatch{Name: given(b, "name", b.text("name")), Color: given(b, "color", b.text("color"))}
	b.ignore(tagServerFields...)
	return p
}

// createTag serves POST /tags.
func (a *API) createTag(w http.ResponseWriter, r *request) error {
	if err := r.client.MayManageTags(r.Context()); err != nil {
		return err
	}
	b, err := newBody(r.Request, false)
	if err != nil {
		return err
	}
	spec := readTagSpec(b)
	if err := b.finish(); err != nil {
		return err
	}
	k, err := r.client.CreateTag(r.Context(), spec[0], spec[1])
	if err != nil {
		return err
	}
	w.Header().Set("Location", a.path("tags", string(k.ID)))
	return write(w, r.Request, http.StatusCreated, a.newTagView(k))
}

// tag reads :tagId of a tag of the tenant.
func (r *request) tag() (jobs.TagID, error) {
	id, err := r.uuid("tagId", "tag")
	return jobs.TagID(id), err
}

// getTag serves GET /tags/{tagId}.
func (a *API) getTag(w http.ResponseWriter, r *request) error {
	id, err := r.tag()
	if err != nil {
		return err
	}
	k, err := r.client.Tag(r.Context(), id)
	if err != nil {
		return err
	}
	if err := noQuery(r.Request); err != nil {
		return err
	}
	return write(w, r.Request, http.StatusOK, a.newTagView(k))
}

// manageable is tag for writes: the permission and the tag are looked at before the input.
func (r *request) manageable() (jobs.TagID, error) {
	if err := r.client.MayManageTags(r.Context()); err != nil {
		return "", err
	}
	id, err := r.tag()
	if err != nil {
		return id, err
	}
	_, err = r.client.Tag(r.Context(), id)
	return id, err
}

// updateTag serves PUT /tags/{tagId}.
func (a *API) updateTag(w http.ResponseWriter, r *request) error {
	id, err := r.manageable()
	if err != nil {
		return err
	}
	b, err := newBody(r.Request, false)
	if err != nil {
		return err
	}
	patch := readTagPatch(b)
	if err := b.finish(); err != nil {
		return err
	}
	if err := r.expectNothing(); err != nil {
		return err
	}
	k, err := r.client.UpdateTag(r.Context(), id, patch)
	if err != nil {
		return err
	}
	return write(w, r.Request, http.StatusOK, a.newTagView(k))
}

// deleteTag serves DELETE /tags/{tagId}.
func (a *API) deleteTag(w http.ResponseWriter, r *request) error {
	id, err := r.manageable()
	if err != nil {
		return err
	}
	if err := noQuery(r.Request); err != nil {
		return err
	}
	if err := r.expectNothing(); err != nil {
		return err
	}
	if err := r.client.DeleteTag(r.Context(), id); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// tagList takes the ids of tags from a list of texts.
func tagList(list jobs.Field[[]string]) jobs.Field[[]jobs.TagID] {
	ids := jobs.Field[[]jobs.TagID]{Set: list.Set, Null: list.Null}
	for _, id := range list.Value {
		ids.Value = append(ids.Value, jobs.TagID(id))
	}
	return ids
}

// tagTexts are the ids of the tags of a job on the wire.
func tagTexts(ids []jobs.TagID) []string {
	list := make([]string, len(ids))
	for i, id := range ids {
		list[i] = string(id)
	}
	return list
}

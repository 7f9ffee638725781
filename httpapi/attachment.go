package httpapi

import (
	"encoding/json"
	"net/http"

	"github.com/carillon-go/carillon/jobs"
)

const (
	attachmentsPath = "/jobs/:id/actions/:jobActionId/attachments"
	attachmentPath  = attachmentsPath + "/:jobActionAttachmentId"
)

var attachmentRoutes = []route{
	{
		method: "GET", path: attachmentsPath, group: groupRead, handle: (*API).listAttachments,
		name: "listAttachments", summary: "The attachments of an action in their order",
		answers: answers{200: page{rel: "inf:job-attachment", item: attachmentView{}}},
	},
	{
		method: "POST", path: attachmentsPath, group: groupEdit, handle: (*API).addAttachment,
		name: "createAttachment", summary: "Add an attachment to an action", body: reads(readAttachmentSpec),
		answers: answers{201: attachmentView{}}, also: []int{409}, tagged: true,
	},
	{
		method: "GET", path: attachmentPath, group: groupRead, handle: (*API).getAttachment,
		name: "getAttachment", summary: "Get an attachment", answers: answers{200: attachmentView{}}, tagged: true,
	},
	{
		method: "PUT", path: attachmentPath, group: groupEdit, handle: (*API).updateAttachment,
		name: "updateAttachment", summary: "Change the fields that are sent; index moves the attachment", body: reads(readAttachmentPatch),
		answers: answers{200: attachmentView{}}, tagged: true,
	},
	{
		method: "DELETE", path: attachmentPath, group: groupEdit, handle: (*API).deleteAttachment,
		name: "deleteAttachment", summary: "Remove an attachment with its uploaded file", answers: answers{204: nothing{}}, tagged: true,
	},
}

// attachmentView is an attachment (contract 8.1).
type attachmentView struct {
	Links     links             `json:"_links"`
	ID        jobs.AttachmentID `json:"id"`
	ActionID  jobs.ActionID     `json:"jobActionId"`
	Type      string            `json:"type"`
	Name      string            `json:"name"`
	Data      json.RawMessage   `json:"data"`
	Index     int               `json:"index"`
	File      *fileView         `json:"file"`
	CreatedAt stamp             `json:"createdAt"`
	UpdatedAt stamp             `json:"updatedAt"`
}

type fileView struct {
	Filename    string `json:"filename"`
	ContentType string `json:"contentType"`
	Size        int64  `json:"size"`
	UpdatedAt   stamp  `json:"updatedAt"`
}

func (a *API) newAttachmentView(j *jobs.Job, action *jobs.Action, index int) attachmentView {
	x := &action.Attachments[index]
	path := []string{"jobs", string(j.ID), "actions", string(action.ID), "attachments", string(x.ID)}
	v := attachmentView{
		Links: links{"self": a.link(path...)}, ID: x.ID, ActionID: action.ID, Type: x.Type, Name: x.Name, Data: orObject(x.Data), Index: index,
		CreatedAt: stamp(x.CreatedAt), UpdatedAt: stamp(x.UpdatedAt),
	}
	if f := x.File; f != nil {
		v.Links["inf:download"] = a.link(append(path, "action-attachment-file-contents")...)
		v.File = &fileView{Filename: f.Name, ContentType: f.ContentType, Size: f.Size, UpdatedAt: stamp(f.UpdatedAt)}
	}
	return v
}

func (a *API) attachmentViews(j *jobs.Job, action *jobs.Action) []attachmentView {
	views := make([]attachmentView, len(action.Attachments))
	for i := range action.Attachments {
		views[i] = a.newAttachmentView(j, action, i)
	}
	return views
}

// listAttachments serves GET …/attachments.
func (a *API) listAttachments(w http.ResponseWriter, r *request) error {
	ref, id, err := r.jobAction()
	if err != nil {
		return err
	}
	j, i, err := r.client.Action(r.Context(), ref, id)
	if err != nil {
		return err
	}
	if err := noQuery(r.Request); err != nil {
		return err
	}
	self := a.link("jobs", string(j.ID), "actions", string(id), "attachments")
	return write(w, r.Request, http.StatusOK, wholeCollection(r.Request, self, "inf:job-attachment", a.attachmentViews(j, &j.Actions[i])))
}

// getAttachment serves GET …/attachments/{jobActionAttachmentId}.
func (a *API) getAttachment(w http.ResponseWriter, r *request) error {
	ref, err := r.attachment()
	if err != nil {
		return err
	}
	in, err := r.client.Attachment(r.Context(), ref)
	if err != nil {
		return err
	}
	if err := noQuery(r.Request); err != nil {
		return err
	}
	return writeTagged(w, r.Request, attachmentVersion(in.Attachment()), a.newAttachmentView(in.Job, in.Action, in.Index))
}

// addAttachment serves POST …/attachments.
func (a *API) addAttachment(w http.ResponseWriter, r *request) error {
	job, action, err := r.existingAction(jobs.PermissionEdit)
	if err != nil {
		return err
	}
	b, err := newBody(r.Request, false)
	if err != nil {
		return err
	}
	spec := readAttachmentSpec(b)
	if err := b.finish(); err != nil {
		return err
	}
	in, err := r.client.AddAttachment(r.Context(), jobs.AttachmentRef{Job: job, Action: action}, spec)
	if err != nil {
		return err
	}
	w.Header().Set("Location", a.path("jobs", string(in.Job.ID), "actions", string(action), "attachments", string(in.Attachment().ID)))
	return a.writeAttachment(w, r, http.StatusCreated, in)
}

func (a *API) writeAttachment(w http.ResponseWriter, r *request, status int, in jobs.AttachmentIn) error {
	return writeVersion(w, r.Request, status, attachmentVersion(in.Attachment()), a.newAttachmentView(in.Job, in.Action, in.Index))
}

// existingAttachment is attachment for writes: the attachment and the permission are looked at before the body.
func (r *request) existingAttachment(perm jobs.Permission) (jobs.AttachmentRef, error) {
	ref, err := r.attachment()
	if err != nil {
		return ref, err
	}
	if _, err := r.client.Attachment(r.Context(), ref); err != nil {
		return ref, err
	}
	return ref, r.client.Can(r.Context(), ref.Job, perm)
}

// updateAttachment serves PUT …/attachments/{jobActionAttachmentId}.
func (a *API) updateAttachment(w http.ResponseWriter, r *request) error {
	ref, err := r.existingAttachment(jobs.PermissionEdit)
	if err != nil {
		return err
	}
	b, err := newBody(r.Request, false)
	if err != nil {
		return err
	}
	patch := readAttachmentPatch(b)
	if err := b.finish(); err != nil {
		return err
	}
	in, err := r.client.UpdateAttachment(r.Context(), ref, patch, r.expectAttachment(ref))
	if err != nil {
		return err
	}
	return a.writeAttachment(w, r, http.StatusOK, in)
}

// deleteAttachment serves DELETE …/attachments/{jobActionAttachmentId}.
func (a *API) deleteAttachment(w http.ResponseWriter, r *request) error {
	ref, err := r.existingAttachment(jobs.PermissionEdit)
	if err != nil {
		return err
	}
	if err := noQuery(r.Request); err != nil {
		return err
	}
	if err := r.client.DeleteAttachment(r.Context(), ref, r.expectAttachment(ref)); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

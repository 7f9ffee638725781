package httpapi

import (
	"encoding/json"
	"net/http"

	"github.com/carillon-go/carillon/jobs"
)

var actionRoutes = []route{
	{
		method: "GET", path: "/jobs/:id/actions", group: groupRead, handle: (*API).listActions,
		name: "listActions", summary: "The actions of a job in their order", answers: answers{200: page{rel: "inf:job-action", item: actionView{}}},
	},
	{
		method: "POST", path: "/jobs/:id/actions", group: groupEdit, handle: (*API).addAction,
		name: "createAction", summary: "Add an action to a job", body: reads(readActionSpec),
		answers: answers{201: actionView{}}, also: []int{409}, tagged: true,
	},
	{
		method: "GET", path: "/jobs/:id/actions/:jobActionId", group: groupRead, handle: (*API).getAction,
		name: "getAction", summary: "Get an action", answers: answers{200: actionView{}}, tagged: true,
	},
	{
		method: "PUT", path: "/jobs/:id/actions/:jobActionId", group: groupEdit, handle: (*API).updateAction,
		name: "updateAction", summary: "Change the fields that are sent; index moves the action", body: reads(readActionPatch),
		answers: answers{200: actionView{}}, tagged: true,
	},
	{
		method: "DELETE", path: "/jobs/:id/actions/:jobActionId", group: groupEdit, handle: (*API).deleteAction,
		name: "deleteAction", summary: "Remove an action", answers: answers{204: nothing{}}, also: []int{409}, tagged: true,
	},
	{
		method: "POST", path: "/jobs/:id/actions/:jobActionId/_preview", group: groupRun, handle: (*API).previewAction,
		name: "previewAction", summary: "Compute what an action would do, and do not do it", body: mayRead(readPreview),
		answers: answers{200: previewView{}},
	},
}

// actionView is an action (contract 6.1).
type actionView struct {
	Links         links           `json:"_links"`
	ID            jobs.ActionID   `json:"id"`
	JobID         jobs.ID         `json:"jobId"`
	OriginID      text            `json:"originId"`
	Type          string          `json:"type"`
	Name          string          `json:"name"`
	Index         int             `json:"index"`
	Enabled       bool            `json:"enabled"`
	Data          json.RawMessage `json:"data" wire:"object"`
	RunConditions *jobs.Condition `json:"runConditions"`
	OnError       jobs.OnError    `json:"onError"`
	stepPolicyView
	CreatedAt stamp       `json:"createdAt" wire:"set"`
	UpdatedAt stamp       `json:"updatedAt" wire:"set"`
	Embedded  actionParts `json:"_embedded"`
}

type actionParts struct {
	Attachments []attachmentView `json:"inf:job-attachment"`
}

func (a *API) newActionView(j *jobs.Job, index int) actionView {
	x := &j.Actions[index]
	return actionView{
		Links: links{
			"self":        a.link("jobs", string(j.ID), "actions", string(x.ID)),
			"inf:preview": a.link("jobs", string(j.ID), "actions", string(x.ID), "_preview"),
		},
		ID: x.ID, JobID: j.ID, OriginID: text(x.OriginID), Type: x.Type, Name: x.Name, Index: index, Enabled: !x.Disabled,
		Data: orObject(x.Data), RunConditions: x.Condition, OnError: x.OnError, stepPolicyView: newStepPolicyView(x.Step),
		CreatedAt: stamp(x.CreatedAt), UpdatedAt: stamp(x.UpdatedAt), Embedded: actionParts{Attachments: a.attachmentViews(j, x)},
	}
}

func (a *API) actionViews(j *jobs.Job) []actionView {
	views := make([]actionView, len(j.Actions))
	for i := range j.Actions {
		views[i] = a.newActionView(j, i)
	}
	return views
}

// listActions serves GET /jobs/{id}/actions.
func (a *API) listActions(w http.ResponseWriter, r *request) error {
	ref, err := r.job()
	if err != nil {
		return err
	}
	j, err := r.client.Actions(r.Context(), ref)
	if err != nil {
		return err
	}
	if err := noQuery(r.Request); err != nil {
		return err
	}
	self := a.link("jobs", string(j.ID), "actions")
	return write(w, r.Request, http.StatusOK, wholeCollection(r.Request, self, "inf:job-action", a.actionViews(j)))
}

// getAction serves GET /jobs/{id}/actions/{jobActionId}.
func (a *API) getAction(w http.ResponseWriter, r *request) error {
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
	return writeTagged(w, r.Request, actionVersion(&j.Actions[i]), a.newActionView(j, i))
}

// addAction serves POST /jobs/{id}/actions.
func (a *API) addAction(w http.ResponseWriter, r *request) error {
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
	spec := readActionSpec(b)
	if err := b.finish(); err != nil {
		return err
	}
	j, i, err := r.client.AddAction(r.Context(), ref, spec)
	if err != nil {
		return err
	}
	w.Header().Set("Location", a.path("jobs", string(j.ID), "actions", string(j.Actions[i].ID)))
	return writeVersion(w, r.Request, http.StatusCreated, actionVersion(&j.Actions[i]), a.newActionView(j, i))
}

// existingAction is jobAction for writes: the permission and the action are looked at before the body.
func (r *request) existingAction(perm jobs.Permission) (jobs.JobRef, jobs.ActionID, error) {
	ref, id, err := r.jobAction()
	if err != nil {
		return ref, id, err
	}
	if _, _, err := r.client.Action(r.Context(), ref, id); err != nil {
		return ref, id, err
	}
	return ref, id, r.client.Can(r.Context(), ref, perm)
}

// updateAction serves PUT /jobs/{id}/actions/{jobActionId}.
func (a *API) updateAction(w http.ResponseWriter, r *request) error {
	ref, id, err := r.existingAction(jobs.PermissionEdit)
	if err != nil {
		return err
	}
	b, err := newBody(r.Request, false)
	if err != nil {
		return err
	}
	patch := readActionPatch(b)
	if err := b.finish(); err != nil {
		return err
	}
	j, i, err := r.client.UpdateAction(r.Context(), ref, id, patch, r.expectUpdatedAt(ref, id))
	if err != nil {
		return err
	}
	return writeVersion(w, r.Request, http.StatusOK, actionVersion(&j.Actions[i]), a.newActionView(j, i))
}

// deleteAction serves DELETE /jobs/{id}/actions/{jobActionId}.
func (a *API) deleteAction(w http.ResponseWriter, r *request) error {
	ref, id, err := r.existingAction(jobs.PermissionEdit)
	if err != nil {
		return err
	}
	if err := noQuery(r.Request); err != nil {
		return err
	}
	if err := r.client.DeleteAction(r.Context(), ref, id, r.expectUpdatedAt(ref, id)); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// previewView is what an action would do (contract 6.8).
type previewView struct {
	Success       bool             `json:"success"`
	Error         text             `json:"error"`
	Warnings      []string         `json:"warnings"`
	Output        any              `json:"output"`
	Attachments   []attachedResult `json:"attachments"`
	RunConditions *conditionResult `json:"runConditions"`
}

// attachedResult is what an attachment would be; what is not known without rendering is null.
type attachedResult struct {
	ID          jobs.AttachmentID `json:"id"`
	Name        string            `json:"name"`
	ContentType text              `json:"contentType"`
	Size        *int64            `json:"size"`
	Error       text              `json:"error"`
}

type conditionResult struct {
	Met   *bool        `json:"met"`
	Rules []ruleResult `json:"rules"`
}

type ruleResult struct {
	Field    string          `json:"field"`
	Operator string          `json:"operator"`
	Value    json.RawMessage `json:"value"`
	Actual   json.RawMessage `json:"actual"`
	Met      *bool           `json:"met"`
}

// readPreview reads the body of contract 6.8.
func readPreview(b *body) jobs.PreviewRequest {
	p := jobs.PreviewRequest{Params: b.object("params").Value, Data: b.object("data").Value}
	render := given(b, "attachments", b.boolean("attachments"))
	p.ListAttachments = render.Set && !render.Value
	return p
}

// previewAction serves POST /jobs/{id}/actions/{jobActionId}/_preview.
func (a *API) previewAction(w http.ResponseWriter, r *request) error {
	ref, id, err := r.existingAction(jobs.PermissionRun)
	if err != nil {
		return err
	}
	b, err := newBody(r.Request, true)
	if err != nil {
		return err
	}
	preview := readPreview(b)
	if b.has("data") {
		if err := r.client.Can(r.Context(), ref, jobs.PermissionEdit); err != nil {
			return err
		}
	}
	if err := b.finish(); err != nil {
		return err
	}
	p, err := r.client.PreviewAction(r.Context(), ref, id, preview)
	if err != nil {
		return err
	}
	v := previewView{
		Success: p.Error == "", Error: text(p.Error), Warnings: p.Warnings, Output: p.Output, Attachments: []attachedResult{},
	}
	for _, x := range p.Attachments {
		result := attachedResult{ID: x.ID, Name: x.Name, ContentType: text(x.ContentType), Error: text(x.Error)}
		if x.Size >= 0 {
			result.Size = &x.Size
		}
		v.Attachments = append(v.Attachments, result)
	}
	if v.Warnings == nil {
		v.Warnings = []string{}
	}
	if c := p.Condition; c != nil {
		v.RunConditions = &conditionResult{Met: c.Met, Rules: []ruleResult{}}
		for _, rule := range c.Rules {
			v.RunConditions.Rules = append(v.RunConditions.Rules, ruleResult{rule.Field, rule.Operator, rule.Value, rule.Actual, rule.Met})
		}
	}
	return write(w, r.Request, http.StatusOK, v)
}

package jobs

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"runtime/debug"
	"slices"
	"time"
)

// PreviewRequest asks what an action would do (contract 6.8).
type PreviewRequest struct {
	// Params as in a run.
	Params json.RawMessage
	// Data is merged over the stored settings for this preview only; nil previews what is stored. It needs job:edit.
	Data json.RawMessage
	// ListAttachments only lists the attachments; else they are rendered too.
	ListAttachments bool
}

// Preview is what an action would do. Nothing was done.
type Preview struct {
	// Error is why the driver could not tell; empty if it could.
	Error    string
	Warnings []string
	// Output is what the driver documents; nil with an error.
	Output any
	// Condition is the evaluation of the run conditions; nil if the action has none.
	Condition *ConditionResult
	// Attachments in their order.
	Attachments []AttachmentPreview
}

// PreviewAction computes what an action would do and does not do it. Conditions are evaluated and reported, never obeyed. What exists
// only in a run (previous, actions, driver) is unknown here.
func (c *Client) PreviewAction(ctx context.Context, ref JobRef, id ActionID, r PreviewRequest) (*Preview, error) {
	j, err := c.readable(ctx, ref)
	if err != nil {
		return nil, err
	}
	a, _, ok := j.Action(id)
	if !ok {
		return nil, NotFound("action")
	}
	perm := PermissionRun
	if r.Data != nil {
		perm = PermissionEdit
	}
	if err := c.allowed(ctx, j, perm); err != nil {
		return nil, err
	}
	driver, previewer, err := c.previewer(a.Type)
	if err != nil {
		return nil, err
	}
	params, err := c.previewParams(j, r.Params)
	if err != nil {
		return nil, err
	}
	settings := changedSettings{data: a.Data, secrets: a.Secrets}
	if r.Data != nil {
		settings, err = c.service.change(ctx, settingsChange{
			kind: DriverAction, driver: a.Type, ref: j.secretRef(actionField(a.ID)), data: r.Data,
			patch: true, old: a.Data, secrets: a.Secrets,
		})
		if err != nil {
			return nil, err
		}
	}
	return c.preview(ctx, j, a, driver, previewer, settings, params, r.ListAttachments)
}

func (c *Client) previewer(action string) (Driver, Previewer, error) {
	d, ok := c.service.drivers.Driver(DriverAction, action)
	if !ok {
		return nil, nil, Invalid("type", "is not an action driver of this system: %q", action)
	}
	p, ok := d.(Previewer)
	if !ok || !d.Info().Preview {
		return nil, nil, Invalid("type", "is an action driver without preview: %q", action)
	}
	return d, p, nil
}

func (c *Client) previewParams(j *Job, params json.RawMessage) (json.RawMessage, error) {
	if len(params) == 0 {
		params = json.RawMessage("{}")
	}
	var f Faults
	if len(params) > MaxParamsBytes {
		f.Add("params", "has %d bytes; at most %d", len(params), MaxParamsBytes)
		return nil, f.Err()
	}
	if err := f.Merge("params", c.service.checkParams(j.Type, params)); err != nil {
		return nil, err
	}
	return params, f.Err()
}

func (c *Client) preview(
	ctx context.Context, j *Job, a *Action, d Driver, p Previewer, settings changedSettings, params json.RawMessage, list bool,
) (*Preview, error) {
	at := now()
	values, err := previewValues(j, params, at)
	if err != nil {
		return nil, err
	}
	out := &Preview{}
	attached := func(x Attachment) bool { return NamesDatasets(x.Data) }
	if NamesDatasets(settings.data) || len(a.Condition.Aliases()) > 0 || slices.ContainsFunc(a.Attachments, attached) {
		if out.Warnings, err = c.previewDatasets(ctx, j, values); err != nil {
			return nil, err
		}
	}
	if a.Condition != nil {
		result := a.Condition.Evaluate(values)
		out.Condition, out.Warnings = &result, append(out.Warnings, result.Warnings...)
	}
	data, plain, err := c.previewSettings(ctx, j, a, d, settings, values, at)
	redact := NewRedactor(plain...)
	if err != nil {
		if !errors.Is(err, ErrInvalid) && !errors.Is(err, ErrUnopenable) {
			return nil, err // the store or the key service fails: no fault of the action, and not for its users to read
		}
		out.Error = redact.String(err.Error())
		return out, nil
	}
	task := &Task{
		Tenant: j.Tenant, JobID: j.ID, JobName: j.Name, RunID: RunID(NewUUID()), ActionID: a.ID, OwnerID: j.OwnerID,
		Trigger: TriggerManual, Data: data, Params: params, Attempt: 1, RunStatus: RunSuccess, StartedAt: at, Location: j.Schedule.Location(),
		Log: c.service.options.Logger, Progress: func(float64, string) {},
	}
	if out.Attachments, task.Attachments, err = c.previewAttachments(ctx, j, a, task, list, values, at); err != nil {
		return nil, err
	}
	output, err := safePreview(ctx, p, task)
	if err != nil {
		out.Error = redact.String(err.Error())
		return out, nil
	}
	encoded, err := json.Marshal(output)
	if err != nil {
		return nil, err
	}
	value, err := decodeJSON(encoded)
	if err != nil {
		return nil, err
	}
	out.Output = redact.Value(value)
	return out, nil
}

// safePreview makes a panic of the driver its error, as the engine does for a step.
func safePreview(ctx context.Context, p Previewer, task *Task) (output any, err error) {
	defer func() {
		if v := recover(); v != nil {
			task.Log.ErrorContext(ctx, "driver panicked in a preview", "job_id", task.JobID, "stack", string(debug.Stack()))
			output, err = nil, fmt.Errorf("the driver panicked: %v", v)
		}
	}()
	return p.Preview(ctx, task)
}

// previewSettings replaces placeholders first and fills in secrets then: a secret is never read as a placeholder (R47).
func (c *Client) previewSettings(
	ctx context.Context, j *Job, a *Action, d Driver, settings changedSettings, values Values, at time.Time,
) (data json.RawMessage, plain []string, err error) {
	return c.openForPreview(ctx, j, j.secretRef(actionField(a.ID)), d, settings, values, at)
}

func (c *Client) openForPreview(
	ctx context.Context, j *Job, place SecretRef, d Driver, settings changedSettings, values Values, at time.Time,
) (data json.RawMessage, plain []string, err error) {
	if data, err = ExpandData(settings.data, values, at, j.Schedule.Location()); err != nil {
		return nil, nil, err
	}
	place.Target = TargetOf(d, settings.data)
	return OpenSettings(ctx, c.service.vault, place, data, settings.secrets)
}

// previewValues is the run context as far as it exists outside a run.
func previewValues(j *Job, params json.RawMessage, at time.Time) (*RunContext, error) {
	values := NewRunContext()
	if err := SetJobValues(values, j.ID, &j.Definition); err != nil {
		return nil, err
	}
	if err := SetRunValues(values, TriggerManual, at, params); err != nil {
		return nil, err
	}
	if err := values.Set("run.status", string(RunSuccess)); err != nil {
		return nil, err
	}
	for _, prefix := range []string{"previous", "actions", "driver"} {
		values.SetUnknown(prefix)
	}
	return values, nil
}

// previewDatasets sets what the caller may see of the job's datasets. Others are unknown, and a warning says why.
func (c *Client) previewDatasets(ctx context.Context, j *Job, values *RunContext) (warnings []string, err error) {
	found, err := c.DatasetsOf(ctx, j)
	if err != nil {
		return nil, err
	}
	for i := range j.Datasets {
		a := &j.Datasets[i]
		dataset, ok := found[a.DatasetID]
		if !ok {
			values.SetUnknown("datasets." + a.Alias)
			warnings = append(warnings, fmt.Sprintf("the dataset %q does not exist or you may not read it", a.Alias))
			continue
		}
		if err := SetDatasetValues(values, a.Alias, dataset); err != nil {
			return nil, err
		}
	}
	return warnings, nil
}

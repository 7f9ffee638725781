package scheduler

import (
	"context"
	"errors"
	"fmt"

	"github.com/carillon-go/carillon/jobs"
)

// rendering is an attachment whose settings are ready, and whose driver has not been asked yet.
type rendering struct {
	driver jobs.Driver
	task   *jobs.RenderTask
}

// renderings prepares the attachments of the action of a step. The definition that the run executes names the contents, so later uploads
// do not change what it sends (contract 8.8).
func (r *run) renderings(ctx context.Context, i int, task *jobs.Task) ([]rendering, error) {
	action, _, ok := r.def.Action(r.steps[i].ActionID)
	if !ok {
		return nil, nil
	}
	var list []rendering
	for k := range action.Attachments {
		a := &action.Attachments[k]
		driver, ok := r.s.drivers.Driver(jobs.DriverAttachment, a.Type)
		if !ok {
			return nil, jobs.Permanent(fmt.Errorf("attachment %q: the driver %q is not available", a.Name, a.Type))
		}
		data, err := r.data(ctx, i, driver, settings{
			kind: jobs.DriverAttachment, data: a.Data, secrets: a.Secrets, field: jobs.AttachmentField(action.ID, a.ID),
		})
		if err != nil {
			err = fmt.Errorf("attachment %q: %w", a.Name, err)
		}
		switch {
		case errors.Is(err, errReading): // another try of the step may read them
			return nil, r.redacted(err)
		case err != nil:
			return nil, jobs.Permanent(r.redacted(err))
		}
		own := *task
		own.Data = data
		list = append(list, rendering{driver, &jobs.RenderTask{
			Task: own, AttachmentID: a.ID, Name: a.Name, File: jobs.ContentsOf(r.contents(), a.File),
		}})
	}
	return list, nil
}

// place is where contents are kept.
type place = jobs.Blobs

// contents is the place of uploaded files as steps see it; nil without one.
func (r *run) contents() jobs.Blobs {
	if r.s.options.Blobs == nil {
		return nil
	}
	return patientPlace{r.s.options.Blobs}
}

// patientPlace asks again while the place cannot be reached, as long as for datasets: an outage is no fault of the step, and uses up none of its
// tries (R20).
type patientPlace struct{ place }

// OpenBlob is jobs.Blobs. The context of the call is the caller's own: what was opened may depend on it.
func (p patientPlace) OpenBlob(ctx context.Context, key jobs.BlobKey) (jobs.Blob, error) {
	limit, cancel := context.WithTimeout(ctx, datasetPatience)
	defer cancel()
	for again := (backoff{}); ; {
		blob, err := p.place.OpenBlob(ctx, key)
		if err == nil || !errors.Is(err, jobs.ErrUnavailable) || !pause(limit, again.next()) {
			return blob, err
		}
	}
}

// render asks the drivers. It is called where the driver of the step is: one that hangs holds up its own step only.
func render(ctx context.Context, list []rendering) ([]jobs.Contents, error) {
	var all []jobs.Contents
	for _, one := range list {
		c, err := jobs.Render(ctx, one.driver, one.task)
		if err != nil {
			return nil, fmt.Errorf("attachment %q: %w", one.task.Name, err)
		}
		all = append(all, *c)
	}
	return all, nil
}

package jobs

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"
)

// AttachmentPreview is what an attachment would be.
type AttachmentPreview struct {
	ID AttachmentID
	// Name is a file name; ContentType is empty and Size negative if they are not known without rendering.
	Name        string
	ContentType string
	Size        int64
	// Error is why it could not be rendered; empty if it could, or was not to be.
	Error string
}

// previewAttachments renders the attachments of an action, or only lists them, and gives what could be rendered to the preview of the action.
func (c *Client) previewAttachments(
	ctx context.Context, j *Job, a *Action, task *Task, list bool, values Values, at time.Time,
) (previews []AttachmentPreview, rendered []Contents, err error) {
	for i := range a.Attachments {
		x := &a.Attachments[i]
		p := AttachmentPreview{ID: x.ID, Name: x.Name, Size: -1}
		if x.File != nil {
			p.Name, p.ContentType, p.Size = x.File.Name, x.File.ContentType, x.File.Size
		}
		if list {
			previews = append(previews, p)
			continue
		}
		contents, redact, err := c.renderForPreview(ctx, j, a, x, task, values, at)
		if err == nil {
			p.Name, p.ContentType = contents.Name, contents.ContentType
			p.Size, err = measure(ctx, contents, c.service.MaxUpload())
		}
		if err != nil && redact == nil {
			return nil, nil, err // the store or the key service fails: no fault of the attachment
		}
		if err != nil {
			p.Error = redact.String(err.Error())
		} else {
			rendered = append(rendered, *contents)
		}
		previews = append(previews, p)
	}
	return previews, rendered, nil
}

// renderForPreview asks the driver of one attachment. Without a redactor the error is one of this system.
func (c *Client) renderForPreview(
	ctx context.Context, j *Job, a *Action, x *Attachment, task *Task, values Values, at time.Time,
) (*Contents, *Redactor, error) {
	redact := NewRedactor()
	d, ok := c.service.drivers.Driver(DriverAttachment, x.Type)
	if !ok {
		return nil, redact, fmt.Errorf("the attachment driver %q is not available", x.Type)
	}
	place := j.secretRef(AttachmentField(a.ID, x.ID))
	data, plain, err := c.openForPreview(ctx, j, place, d, changedSettings{data: x.Data, secrets: x.Secrets}, values, at)
	if err != nil {
		if !errors.Is(err, ErrInvalid) && !errors.Is(err, ErrUnopenable) {
			redact = nil
		}
		return nil, redact, err
	}
	redact = NewRedactor(plain...)
	own := *task
	own.Data = data
	contents, err := Render(ctx, d, &RenderTask{Task: own, AttachmentID: x.ID, Name: x.Name, File: ContentsOf(c.service.options.Blobs, x.File)})
	return contents, redact, err
}

// measure opens contents as a step would, and reads them if their size is not known before.
func measure(ctx context.Context, contents *Contents, limit int64) (size int64, err error) {
	r, err := contents.Open(ctx)
	if err != nil {
		return -1, err
	}
	defer func() {
		if fault := r.Close(); fault != nil && err == nil {
			size, err = -1, fault
		}
	}()
	if contents.Size >= 0 {
		return contents.Size, nil
	}
	n, err := io.Copy(io.Discard, io.LimitReader(r, limit+1))
	switch {
	case err != nil:
		return -1, err
	case n > limit:
		return -1, &TooLargeError{Limit: limit}
	}
	return n, nil
}

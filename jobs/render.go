package jobs

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime/debug"
)

// Renderer is what a driver of kind attachment does: it makes the contents of an attachment for one attempt of the step that needs
// them, or for a preview. Renderers are called concurrently and change nothing.
type Renderer interface {
	// Render says what the attachment is now. It need not make the bytes yet: whoever takes the attachment opens the contents. They are
	// valid until the step ends; what a renderer keeps for them it releases when ctx ends. Errors are as those of Driver.Run.
	Render(ctx context.Context, task *RenderTask) (*Contents, error)
}

// RenderTask is what a renderer gets. It is valid until the step ends.
type RenderTask struct {
	// Task is the step that needs the attachment, with the settings of the attachment as its Data. It has no Attachments.
	Task
	AttachmentID AttachmentID
	// Name is the name of the attachment.
	Name string
	// File is what was uploaded for the attachment; nil if nothing was.
	File *Contents
}

// Contents are bytes that can be read as often as they are needed.
type Contents struct {
	// Name is a file name: one path element. Empty is the name of the attachment.
	Name string
	// ContentType is a media type; empty is application/octet-stream.
	ContentType string
	// Size is in bytes; negative if it is known only when all has been read.
	Size int64
	// Open begins to read them anew; each reader gives the same bytes. The reader has to be closed. A reader that ends before Size
	// bytes, or does not end there, is an error of whoever reads.
	Open func(ctx context.Context) (io.ReadCloser, error)
}

// NotRun is embedded by drivers of kind attachment, which are rendered and never run.
type NotRun struct{}

// Run is an error.
func (NotRun) Run(context.Context, *Task) (Output, error) {
	return Output{}, Permanent(errors.New("an attachment driver is not run, it renders"))
}

const defaultContentType = "application/octet-stream"

// Render asks the driver of an attachment for its contents, and fills in what it leaves out. A panic is an error.
func Render(ctx context.Context, d Driver, task *RenderTask) (contents *Contents, err error) {
	r, ok := d.(Renderer)
	if !ok {
		return nil, Permanent(fmt.Errorf("the attachment driver %q cannot render", d.Info().ID))
	}
	defer func() {
		if v := recover(); v != nil {
			if task.Log != nil {
				task.Log.ErrorContext(ctx, "attachment driver panicked", "driver", d.Info().ID, "stack", string(debug.Stack()))
			}
			contents, err = nil, fmt.Errorf("the driver panicked: %v", v)
		}
	}()
	made, err := r.Render(ctx, task)
	switch {
	case err != nil:
		return nil, err
	case made == nil || made.Open == nil:
		return nil, Permanent(fmt.Errorf("the attachment driver %q gave no contents", d.Info().ID))
	}
	c := *made
	if c.Name = CleanFileName(c.Name); c.Name == "" {
		c.Name = CleanFileName(task.Name)
	}
	if c.ContentType == "" {
		c.ContentType = defaultContentType
	}
	return &c, nil
}

// Package file holds the attachment driver "file": its contents are uploaded, and given as they were uploaded.
package file

import (
	"context"
	"encoding/json"
	"errors"

	"github.com/carillon-go/carillon/drivers/internal/settings"
	"github.com/carillon-go/carillon/jobs"
)

// ErrNoStore says that the host has no store for files.
var ErrNoStore = errors.New("this system has no store for files")

// Driver is the attachment driver "file". It is safe for concurrent use.
type Driver struct {
	jobs.NotRun

	stored bool
	rules  *jobs.Settings
}

var (
	_ jobs.Driver       = (*Driver)(nil)
	_ jobs.Renderer     = (*Driver)(nil)
	_ jobs.Availability = (*Driver)(nil)
)

// New makes the driver; stored says that the host has a store for files. Without one the driver is not available.
func New(stored bool) *Driver { return &Driver{stored: stored, rules: settings.MustCompile(info())} }

// Info describes the driver.
func (d *Driver) Info() jobs.DriverInfo { return info() }

func info() jobs.DriverInfo {
	return jobs.DriverInfo{
		ID: jobs.AttachmentFile, Name: "Uploaded file", Description: "A file that somebody uploads", Icon: "file", Kind: jobs.DriverAttachment,
		Schema:     json.RawMessage(`{"type": "object", "additionalProperties": false}`),
		Idempotent: true, Source: jobs.SourceBuiltin,
	}
}

// Available is ErrNoStore without a store.
func (d *Driver) Available() error {
	if !d.stored {
		return ErrNoStore
	}
	return nil
}

// Render gives what was uploaded.
func (d *Driver) Render(_ context.Context, task *jobs.RenderTask) (*jobs.Contents, error) {
	if err := settings.Decode(d.rules, task.Data, &struct{}{}); err != nil {
		return nil, jobs.Permanent(err)
	}
	if task.File == nil {
		return nil, jobs.Permanent(errors.New("nothing was uploaded yet"))
	}
	return task.File, nil
}

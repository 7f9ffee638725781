package email

import (
	"context"
	"embed"
	"encoding/json"

	"github.com/carillon-go/carillon/drivers/internal/settings"
	"github.com/carillon-go/carillon/drivers/internal/templates"
	"github.com/carillon-go/carillon/drivers/mail"
	"github.com/carillon-go/carillon/jobs"
)

//go:embed job.schema.json
var jobSchema json.RawMessage

//go:embed templates
var templateFiles embed.FS

// Job is the job driver "email". The mails of such a job are sent by its actions; with "to" in the settings, the driver step
// sends one itself. It is safe for concurrent use.
type Job struct {
	sender *mail.Sender
	rules  *jobs.Settings
}

var (
	_ jobs.Driver          = (*Job)(nil)
	_ jobs.Validator       = (*Job)(nil)
	_ jobs.StepIdempotence = (*Job)(nil)
	_ jobs.Availability    = (*Job)(nil)
	_ jobs.TemplateOfferer = (*Job)(nil)
)

// NewJob makes the job driver. Without a sender it is not available, and steps that send fail with ErrNoServer.
func NewJob(sender *mail.Sender) *Job {
	return &Job{sender: sender, rules: settings.MustCompile(jobInfo())}
}

// Templates are the ready-made jobs that come with the driver.
func (d *Job) Templates() []jobs.Template { return templates.Must(templateFiles) }

// Info describes the driver.
func (d *Job) Info() jobs.DriverInfo { return jobInfo() }

func jobInfo() jobs.DriverInfo {
	return jobs.DriverInfo{
		ID:          ID,
		Name:        "Mail",
		Description: "Sends mails by its actions",
		Icon:        "email",
		Kind:        jobs.DriverJob,
		Schema:      jobSchema,
		Source:      jobs.SourceBuiltin,
	}
}

// Available is ErrNoServer without a mail server.
func (d *Job) Available() error { return available(d.sender) }

// Run sends a mail if the settings have recipients, else does nothing.
func (d *Job) Run(ctx context.Context, task *jobs.Task) (jobs.Output, error) {
	var s fields
	if err := settings.Decode(d.rules, task.Data, &s); err != nil {
		return jobs.Output{}, jobs.Permanent(err)
	}
	if len(s.To) == 0 {
		return jobs.Output{
			Data:    Output{Accepted: []string{}, Rejected: []string{}},
			Message: "Nothing to send: the mails of this job are sent by its actions",
		}, nil
	}
	return send(ctx, d.sender, task, &s)
}

// Validate checks addresses, if there are any.
func (d *Job) Validate(data json.RawMessage) error { return checkDefinition(d.sender, data, false) }

// IdempotentFor is true without recipients: doing nothing may be repeated.
func (d *Job) IdempotentFor(data json.RawMessage) bool {
	var s fields
	if len(data) > 0 && json.Unmarshal(data, &s) != nil {
		return false
	}
	return len(s.To) == 0
}

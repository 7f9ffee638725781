// Package apicall is the job driver "api-call": it sends one HTTP request and keeps the answer for the actions of the run.
//
// A call with GET, HEAD, PUT, DELETE or OPTIONS is idempotent: it is repeated after an interruption. POST and PATCH are
// not, and a connection that breaks after such a request was sent leaves the outcome unclear. Each attempt carries the same
// Idempotency-Key and its number in X-Job-Attempt. Where a request may go is a matter of the client's policy.
package apicall

import (
	"context"
	"embed"
	"encoding/json"
	"net/http"

	"github.com/carillon-go/carillon/drivers/internal/httpcall"
	"github.com/carillon-go/carillon/drivers/internal/settings"
	"github.com/carillon-go/carillon/drivers/internal/templates"
	"github.com/carillon-go/carillon/drivers/safehttp"
	"github.com/carillon-go/carillon/jobs"
)

// ID of the driver (contract 13.1).
const ID = "api-call"

//go:embed schema.json
var settingsSchema json.RawMessage

//go:embed templates
var templateFiles embed.FS

// Output is what a successful call leaves for later steps (contract 13.1).
type Output = httpcall.Response

// Driver is the job driver "api-call". It is safe for concurrent use.
type Driver struct {
	client *safehttp.Client
	rules  *jobs.Settings
}

var (
	_ jobs.Driver          = (*Driver)(nil)
	_ jobs.Validator       = (*Driver)(nil)
	_ jobs.StepIdempotence = (*Driver)(nil)
	_ jobs.SecretTargets   = (*Driver)(nil)
	_ jobs.TemplateOfferer = (*Driver)(nil)
)

// New makes the driver. The client stays the caller's: other drivers may share it.
func New(client *safehttp.Client) *Driver {
	return &Driver{client: client, rules: settings.MustCompile(info())}
}

// Templates are the ready-made jobs that come with the driver.
func (d *Driver) Templates() []jobs.Template { return templates.Must(templateFiles) }

// Info describes the driver.
func (d *Driver) Info() jobs.DriverInfo { return info() }

func info() jobs.DriverInfo {
	return jobs.DriverInfo{
		ID:          ID,
		Name:        "Call an API",
		Description: "Sends an HTTP request; the actions of the job can use the answer",
		Icon:        "api-call",
		Kind:        jobs.DriverJob,
		Schema:      settingsSchema,
		Source:      jobs.SourceBuiltin,
	}
}

// Run sends the request and waits for the answer. A status that is not expected is an error: permanent for most below 500, and
// with the pause that the server asks for in Retry-After.
func (d *Driver) Run(ctx context.Context, task *jobs.Task) (jobs.Output, error) {
	var s httpcall.Settings
	if err := settings.Decode(d.rules, task.Data, &s); err != nil {
		return jobs.Output{}, jobs.Permanent(err)
	}
	if s.Method == "" {
		s.Method = http.MethodGet
	}
	return httpcall.Do(ctx, d.client, task, &s)
}

// Validate checks URL and headers, which a schema cannot.
func (d *Driver) Validate(data json.RawMessage) error {
	return httpcall.CheckDefinition(data, d.client.CheckURL)
}

// IdempotentFor is true for the methods that may be repeated (reliability section 2).
func (d *Driver) IdempotentFor(data json.RawMessage) bool {
	var s struct {
		Method string `json:"method"`
	}
	if len(data) > 0 && json.Unmarshal(data, &s) != nil {
		return false
	}
	return s.Method == "" || httpcall.Idempotent(s.Method)
}

// SecretTarget is scheme, host and port of the URL (rule R46).
func (d *Driver) SecretTarget(data json.RawMessage) string { return httpcall.Target(data) }

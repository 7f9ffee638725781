// Package webhook is the action driver "webhook": it tells another program about a run by an HTTP POST.
//
// The receiver can check who sent it by X-Signature-256 (see Verify), and recognise a repeated request by Idempotency-Key,
// which is the same for each attempt. A webhook is not idempotent: a request that may have arrived is not sent again
// unless the action allows it.
package webhook

import (
	"context"
	"crypto/hmac"
	_ "embed"
	"encoding/json"
	"net/http"
	"time"

	"github.com/carillon-go/carillon/drivers/internal/httpcall"
	"github.com/carillon-go/carillon/drivers/internal/settings"
	"github.com/carillon-go/carillon/drivers/safehttp"
	"github.com/carillon-go/carillon/jobs"
)

// ID of the driver (contract 13.1).
const ID = "webhook"

// HeaderSignature is the header that carries the signature of the body.
const HeaderSignature = httpcall.HeaderSignature

//go:embed schema.json
var settingsSchema json.RawMessage

// Output is what a successful call leaves for later steps (contract 13.1).
type Output = httpcall.Response

// Summary is the body of a webhook whose settings give none (contract 13.1).
type Summary struct {
	JobID     string `json:"jobId"`
	HistoryID string `json:"historyId"`
	Name      string `json:"name"`
	// Status of the run so far: success, warning or error.
	Status string `json:"status"`
	// StartedAt is in UTC with milliseconds (contract 1.8).
	StartedAt string `json:"startedAt"`
}

// Driver is the action driver "webhook". It is safe for concurrent use.
type Driver struct {
	client *safehttp.Client
	rules  *jobs.Settings
}

var (
	_ jobs.Driver        = (*Driver)(nil)
	_ jobs.Previewer     = (*Driver)(nil)
	_ jobs.Validator     = (*Driver)(nil)
	_ jobs.SecretTargets = (*Driver)(nil)
)

// New makes the driver. The client stays the caller's: other drivers may share it.
func New(client *safehttp.Client) *Driver {
	return &Driver{client: client, rules: settings.MustCompile(info())}
}

// Info describes the driver.
func (d *Driver) Info() jobs.DriverInfo { return info() }

func info() jobs.DriverInfo {
	return jobs.DriverInfo{
		ID:          ID,
		Name:        "Call a webhook",
		Description: "Sends an HTTP POST to a URL",
		Icon:        "webhook",
		Kind:        jobs.DriverAction,
		Schema:      settingsSchema,
		Preview:     true,
		Source:      jobs.SourceBuiltin,
	}
}

// Run sends the POST and waits for the answer. A status that is not expected is an error: permanent for most below 500, and
// with the pause that the receiver asks for in Retry-After.
func (d *Driver) Run(ctx context.Context, task *jobs.Task) (jobs.Output, error) {
	s, err := d.read(task)
	if err != nil {
		return jobs.Output{}, jobs.Permanent(err)
	}
	return httpcall.Do(ctx, d.client, task, s)
}

// Preview gives method, URL, headers and body of the request, secrets as jobs.Redacted, and sends nothing (contract 6.8).
func (d *Driver) Preview(_ context.Context, task *jobs.Task) (any, error) {
	s, err := d.read(task)
	if err != nil {
		return nil, err
	}
	return httpcall.ShowRequest(d.client, task, s)
}

func (d *Driver) read(task *jobs.Task) (*httpcall.Settings, error) {
	s := httpcall.Settings{}
	if err := settings.Decode(d.rules, task.Data, &s); err != nil {
		return nil, err
	}
	s.Method = http.MethodPost
	if len(s.Body) == 0 || string(s.Body) == "null" {
		body, err := json.Marshal(Summary{
			JobID:     string(task.JobID),
			HistoryID: string(task.RunID),
			Name:      task.JobName,
			Status:    string(task.RunStatus),
			StartedAt: task.StartedAt.UTC().Truncate(time.Millisecond).Format("2006-01-02T15:04:05.000Z07:00"),
		})
		if err != nil {
			return nil, err
		}
		s.Body = body
	}
	return &s, nil
}

// Validate checks URL and headers, which a schema cannot.
func (d *Driver) Validate(data json.RawMessage) error {
	return httpcall.CheckDefinition(data, d.client.CheckURL)
}

// SecretTarget is scheme, host and port of the URL (rule R46).
func (d *Driver) SecretTarget(data json.RawMessage) string { return httpcall.Target(data) }

// Verify is for receivers: it reports whether the value of X-Signature-256 fits the body, as it arrived, and the secret. It
// takes the same time wherever they differ.
func Verify(secret string, body []byte, signature string) bool {
	return secret != "" && hmac.Equal([]byte(signature), []byte(httpcall.Sign(secret, body)))
}

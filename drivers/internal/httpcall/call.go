package httpcall

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/carillon-go/carillon/drivers/safehttp"
	"github.com/carillon-go/carillon/jobs"
)

// maxExcerpt is how much of the body of a failed call goes to the log, in bytes.
const maxExcerpt = 500

// Do makes the call and judges the answer. Faults of the settings are permanent errors.
func Do(ctx context.Context, client *safehttp.Client, task *jobs.Task, s *Settings) (jobs.Output, error) {
	if err := s.check(client.CheckURL); err != nil {
		return jobs.Output{}, jobs.Permanent(err)
	}
	request, err := s.request(task)
	if err != nil {
		return jobs.Output{}, jobs.Permanent(err)
	}
	what := request.Method + " " + shown(request.URL)
	timeout := DefaultTimeout
	if s.TimeoutSeconds > 0 {
		timeout = time.Duration(s.TimeoutSeconds) * time.Second
	}
	bounded, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()

	response, err := client.Do(bounded, request)
	if err != nil {
		return jobs.Output{}, failure(ctx, bounded, what, timeout, request.Method, err)
	}
	// The engine redacts too; here it is one line to keep our own secrets out of what a server echoes.
	redact := jobs.NewRedactor(s.secrets()...)
	answered := fmt.Sprintf("%s answered %d", what, response.Status)
	if !s.expected(response.Status) {
		logBody(ctx, task, redact, response)
		if text := http.StatusText(response.Status); text != "" {
			answered += " " + text
		}
		return jobs.Output{}, advise(response, errors.New(answered))
	}
	out := newResponse(response)
	out.Body = redact.Value(out.Body)
	for name, value := range out.Headers {
		out.Headers[name] = redact.String(value)
	}
	return jobs.Output{Data: out, Message: answered}, nil
}

// ShowRequest shows the request that Do would send, and sends nothing.
func ShowRequest(client *safehttp.Client, task *jobs.Task, s *Settings) (Preview, error) {
	if err := s.check(client.CheckURL); err != nil {
		return Preview{}, err
	}
	request, err := s.request(task)
	if err != nil {
		return Preview{}, err
	}
	return s.preview(request), nil
}

// failure words the error of a call without an answer and marks what it says of another try. If the request may have
// arrived and must not be repeated, the outcome is unclear (promise P10).
func failure(ctx, bounded context.Context, what string, timeout time.Duration, method string, err error) error {
	call, ok := errors.AsType[*safehttp.CallError](err)
	if !ok {
		return jobs.Permanent(fmt.Errorf("%s: %w", what, err)) // refused by a rule, or an answer beyond a limit
	}
	again := safehttp.Temporary(err)
	switch {
	case ctx.Err() != nil:
		err, again = fmt.Errorf("%s: %w", what, context.Cause(ctx)), true
	case bounded.Err() != nil:
		err, again = fmt.Errorf("%s: no answer within %s", what, timeout), true
	default:
		// Not wrapped: the causes of a CallError may name inner addresses.
		err = fmt.Errorf("%s: %s", what, call.Reason)
	}
	switch {
	case call.Sent && !Idempotent(method):
		return jobs.Unclear(err)
	case again:
		return err
	}
	return jobs.Permanent(err)
}

// logBody helps to find out why a server refused: its words are not in the output of a step that failed.
func logBody(ctx context.Context, task *jobs.Task, redact *jobs.Redactor, r *safehttp.Response) {
	if task.Log == nil || len(r.Body) == 0 {
		return
	}
	// Redact first: a secret that is cut in the middle is not found.
	text, cut := fit(redact.String(strings.ToValidUTF8(string(r.Body), "\uFFFD")), maxExcerpt)
	task.Log.LogAttrs(ctx, slog.LevelInfo, "answer of the server",
		slog.Int("status", r.Status), slog.String("body", text), slog.Bool("cut", cut || r.BodyTruncated))
}

// shown is a URL for messages: without query and fragment, which may hold keys.
func shown(text string) string {
	u, err := url.Parse(text)
	if err != nil {
		return "the URL"
	}
	out := u.Scheme + "://" + u.Host + u.EscapedPath()
	if len(out) > 200 {
		out = out[:200] + "..."
	}
	return out
}

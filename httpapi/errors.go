package httpapi

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/carillon-go/carillon/jobs"
)

// statusError is an error that belongs to HTTP alone: content type, size, header, method.
type statusError struct {
	status  int
	message string
	// source and fields make it an error of validation.
	source string
	fields []jobs.FieldError
	// retryAfter is in seconds; zero for none.
	retryAfter int
}

func (e *statusError) Error() string { return e.message }

func fail(status int, format string, args ...any) error {
	return &statusError{status: status, message: fmt.Sprintf(format, args...)}
}

// badHeader is an error of validation of a header; badInput says from where the fields of another one came.
func badHeader(name, format string, args ...any) error {
	return badInput("headers", jobs.Invalid(name, format, args...))
}

func badInput(source string, err error) error {
	var v *jobs.ValidationError
	if !errors.As(err, &v) {
		return err
	}
	return &statusError{status: http.StatusBadRequest, message: v.Error(), source: source, fields: v.Fields}
}

// errorBody is the body of every error (contract 1.10).
type errorBody struct {
	StatusCode int            `json:"statusCode"`
	Error      string         `json:"error"`
	Message    string         `json:"message"`
	Validation *errorFields   `json:"validation,omitempty"`
	Details    []errorDetail  `json:"details,omitempty"`
	Data       map[string]any `json:"data,omitempty"`
}

type errorFields struct {
	Source string   `json:"source"`
	Keys   []string `json:"keys"`
}

type errorDetail struct {
	Key     string `json:"key"`
	Message string `json:"message"`
	// Start and End are the wrong part of a text (contract 20.6), in characters.
	Start *int `json:"start,omitempty"`
	End   *int `json:"end,omitempty"`
}

func newErrorDetail(f jobs.FieldError) errorDetail {
	d := errorDetail{Key: f.Path, Message: f.Message}
	if f.End > 0 {
		d.Start, d.End = &f.Start, &f.End
	}
	return d
}

// problem is the one place where an error becomes a status and a body. Text of an unknown error is for the log alone.
func problem(err error) (body errorBody, retryAfter int, internal bool) {
	var (
		own       *statusError
		invalid   *jobs.ValidationError
		forbidden *jobs.ForbiddenError
		missing   *jobs.NotFoundError
		conflict  *jobs.ConflictError
		down      *jobs.UnavailableError
		tooLarge  *jobs.TooLargeError
	)
	switch {
	case errors.As(err, &own):
		body = newErrorBody(own.status, own.message)
		body.fields(own.source, own.fields)
		retryAfter = own.retryAfter
	case errors.As(err, &invalid):
		body = newErrorBody(http.StatusBadRequest, invalid.Error())
		body.fields("payload", invalid.Fields)
	case errors.As(err, &tooLarge):
		body = newErrorBody(http.StatusRequestEntityTooLarge, fmt.Sprintf("The file is larger than %d bytes", tooLarge.Limit))
	case errors.Is(err, jobs.ErrUnauthenticated):
		body = newErrorBody(http.StatusUnauthorized, "Sign in or send a valid token")
	case errors.As(err, &forbidden):
		body = newErrorBody(http.StatusForbidden, capital(forbidden.Reason))
	case errors.Is(err, jobs.ErrForbidden):
		body = newErrorBody(http.StatusForbidden, "Not allowed")
	case errors.As(err, &missing):
		body = newErrorBody(http.StatusNotFound, capital(missing.Error()))
	case errors.Is(err, jobs.ErrNotFound):
		body = newErrorBody(http.StatusNotFound, "Not found")
	case errors.As(err, &conflict):
		body = newErrorBody(http.StatusConflict, capital(conflict.Reason))
		body.Data = conflict.Data
	case errors.Is(err, jobs.ErrConflict):
		body = newErrorBody(http.StatusConflict, "The state does not allow this")
	case errors.Is(err, jobs.ErrPrecondition):
		body = newErrorBody(http.StatusPreconditionFailed, "It was changed since you read it: If-Match does not match")
	case errors.As(err, &down):
		body, retryAfter, internal = newErrorBody(http.StatusServiceUnavailable, capital(down.Reason)), 5, down.Cause != nil
	case errors.Is(err, jobs.ErrUnavailable):
		body, retryAfter, internal = newErrorBody(http.StatusServiceUnavailable, "Not available now, try again"), 5, true
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		body, retryAfter = newErrorBody(http.StatusServiceUnavailable, "The request was given up"), 1
	default:
		body, internal = newErrorBody(http.StatusInternalServerError, "An internal error; the log has it under the id of X-Request-Id"), true
	}
	return body, retryAfter, internal
}

func newErrorBody(status int, message string) errorBody {
	return errorBody{StatusCode: status, Error: http.StatusText(status), Message: message}
}

// maxFaults bounds how many faults an answer names: a body of 10,000 unknown keys shall not be answered with megabytes.
const maxFaults = 200

// fields lists the faults. Those beyond maxFaults are counted in the message and in the last entry of details, which has no key.
func (b *errorBody) fields(source string, fields []jobs.FieldError) {
	if len(fields) == 0 {
		return
	}
	more := jobs.FieldError{Message: fmt.Sprintf("and %d more faults", len(fields)-maxFaults)}
	cut := len(fields) > maxFaults
	if cut {
		fields = fields[:maxFaults]
		b.Message = (&jobs.ValidationError{Fields: append(slices.Clone(fields), more)}).Error()
	}
	b.Validation = &errorFields{Source: source}
	for _, f := range fields {
		b.Validation.Keys = append(b.Validation.Keys, f.Path)
		b.Details = append(b.Details, newErrorDetail(f))
	}
	if cut {
		b.Details = append(b.Details, errorDetail{Message: more.Message})
	}
}

// writeError answers with the body of contract 1.10 and logs what a person has to know.
func (a *API) writeError(w http.ResponseWriter, r *http.Request, requestID string, err error) {
	body, _, _ := problem(err)
	a.logFailure(r, requestID, body.StatusCode, err)
	answerError(w, r, err)
}

func answerError(w http.ResponseWriter, r *http.Request, err error) {
	body, retryAfter, _ := problem(err)
	if body.StatusCode == http.StatusUnauthorized {
		w.Header().Set("WWW-Authenticate", "Bearer")
	}
	if retryAfter > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(retryAfter))
	}
	writeProblem(w, r, body.StatusCode, body)
}

// logFailure notes an error that is the server's own, unless nobody is left to be answered.
func (a *API) logFailure(r *http.Request, requestID string, status int, err error) {
	if _, _, internal := problem(err); internal && r.Context().Err() == nil {
		level := slog.LevelError
		if status == http.StatusServiceUnavailable {
			level = slog.LevelWarn // the client was told to try again
		}
		a.log.Log(r.Context(), level, "request failed", "request_id", requestID, "method", r.Method, "status", status, "err", err)
	}
}

// capital makes a reason a sentence. Names of permissions ("job:run") stay as they are.
func capital(s string) string {
	word, _, _ := strings.Cut(s, " ")
	if s == "" || s[0] < 'a' || s[0] > 'z' || strings.Contains(word, ":") {
		return s
	}
	return string(s[0]-'a'+'A') + s[1:]
}

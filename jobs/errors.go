package jobs

import (
	"errors"
	"fmt"
	"strings"

	"github.com/carillon-go/carillon/jobs/internal/jsontext"
)

// Sentinels for what a caller decides on. Compare with errors.Is; typed errors below match them.
var (
	// ErrNotFound says that the thing does not exist, or that the principal may not know that it does.
	ErrNotFound = errors.New("not found")
	// ErrUnauthenticated says that no valid identity was given.
	ErrUnauthenticated = errors.New("unauthenticated")
	// ErrForbidden says that the principal may read the thing but lacks the permission for the act.
	ErrForbidden = errors.New("forbidden")
	// ErrInvalid says that the input is wrong; a *ValidationError names each field.
	ErrInvalid = errors.New("invalid")
	// ErrConflict says that the state forbids the act; a *ConflictError says why.
	ErrConflict = errors.New("conflict")
	// ErrPrecondition says that the revision that the caller expected is no longer the stored one.
	ErrPrecondition = errors.New("precondition failed")
	// ErrUnavailable says that the act cannot be done now and may be tried again.
	ErrUnavailable = errors.New("unavailable")
	// ErrFenced says that a run was taken away from the worker that writes to it (reliability rule R3).
	ErrFenced = errors.New("the run belongs to another worker")
)

// FieldError is one fault of an input.
type FieldError struct {
	// Path names the field as the caller wrote it: "actions[2].data.to".
	Path string
	// Message is the reason without the path: "is not an IANA time zone: \"Berlin\"".
	Message string
	// Start and End are the wrong part of a text, in characters from 0, End behind its last one (contract 20.6). End is zero where the
	// value is wrong as a whole or is no text.
	Start, End int
}

// ValidationError lists all faults of an input, not the first. It matches ErrInvalid.
type ValidationError struct{ Fields []FieldError }

// Error names every field and its reason.
func (e *ValidationError) Error() string {
	parts := make([]string, len(e.Fields))
	for i, f := range e.Fields {
		if f.Path == "" {
			parts[i] = f.Message
			continue
		}
		parts[i] = fmt.Sprintf("%q %s", f.Path, f.Message)
	}
	return strings.Join(parts, "; ")
}

// Is makes errors.Is(err, ErrInvalid) hold.
func (e *ValidationError) Is(target error) bool { return target == ErrInvalid }

// Invalid is a ValidationError of one field.
func Invalid(path, format string, args ...any) error {
	return &ValidationError{Fields: []FieldError{{Path: path, Message: fmt.Sprintf(format, args...)}}}
}

// Faults collects field errors. The zero value is empty and ready.
type Faults struct{ fields []FieldError }

// Add notes one fault.
func (f *Faults) Add(path, format string, args ...any) {
	f.fields = append(f.fields, FieldError{Path: path, Message: fmt.Sprintf(format, args...)})
}

// AddPart notes one fault of a part of a text, by the characters of FieldError.Start and End.
func (f *Faults) AddPart(path string, start, end int, format string, args ...any) {
	f.fields = append(f.fields, FieldError{Path: path, Message: fmt.Sprintf(format, args...), Start: start, End: end})
}

// Merge adds the fields of a *ValidationError, each below prefix ("" for none), and returns any other error unchanged.
func (f *Faults) Merge(prefix string, err error) error {
	if err == nil {
		return nil
	}
	var v *ValidationError
	if !errors.As(err, &v) {
		return err
	}
	for _, field := range v.Fields {
		field.Path = JoinPath(prefix, field.Path)
		f.fields = append(f.fields, field)
	}
	return nil
}

// JoinInvalid puts the fields of a *ValidationError below prefix; other errors stay as they are.
func JoinInvalid(prefix string, err error) error {
	var f Faults
	if err := f.Merge(prefix, err); err != nil {
		return err
	}
	return f.Err()
}

// invalidOf makes a *ValidationError of what a package below this one found wrong; nil if that is nothing.
func invalidOf[F ~struct{ Path, Message string }](found []F) error {
	if len(found) == 0 {
		return nil
	}
	fields := make([]FieldError, len(found))
	for i, f := range found {
		plain := struct{ Path, Message string }(f)
		fields[i] = FieldError{Path: plain.Path, Message: plain.Message}
	}
	return &ValidationError{Fields: fields}
}

// Empty reports whether no fault was noted.
func (f *Faults) Empty() bool { return len(f.fields) == 0 }

// Err is nil without faults, else a *ValidationError with all of them.
func (f *Faults) Err() error {
	if len(f.fields) == 0 {
		return nil
	}
	return &ValidationError{Fields: f.fields}
}

// JoinPath joins two field paths: JoinPath("actions[0]", "name") is "actions[0].name".
func JoinPath(prefix, path string) string { return jsontext.JoinPath(prefix, path) }

// ConflictError says which state forbids the act. It matches ErrConflict.
type ConflictError struct {
	// Reason is one sentence for people.
	Reason string
	// Data holds facts for a program, such as "historyId"; it may be nil. It never holds secrets.
	Data map[string]any
}

// Error is the reason.
func (e *ConflictError) Error() string { return e.Reason }

// Is makes errors.Is(err, ErrConflict) hold.
func (e *ConflictError) Is(target error) bool { return target == ErrConflict }

// Conflict is a ConflictError without data.
func Conflict(format string, args ...any) error {
	return &ConflictError{Reason: fmt.Sprintf(format, args...)}
}

// NotFoundError names the kind of thing that is missing. It matches ErrNotFound.
type NotFoundError struct{ Kind string }

// Error is "job not found".
func (e *NotFoundError) Error() string { return e.Kind + " not found" }

// Is makes errors.Is(err, ErrNotFound) hold.
func (e *NotFoundError) Is(target error) bool { return target == ErrNotFound }

// NotFound is a NotFoundError of that kind ("job", "run").
func NotFound(kind string) error { return &NotFoundError{Kind: kind} }

// ForbiddenError says which permission is missing. It matches ErrForbidden.
type ForbiddenError struct{ Reason string }

// Error is the reason.
func (e *ForbiddenError) Error() string { return e.Reason }

// Is makes errors.Is(err, ErrForbidden) hold.
func (e *ForbiddenError) Is(target error) bool { return target == ErrForbidden }

// Forbidden is a ForbiddenError.
func Forbidden(format string, args ...any) error {
	return &ForbiddenError{Reason: fmt.Sprintf(format, args...)}
}

// UnavailableError says why the act cannot be done now. It matches ErrUnavailable.
type UnavailableError struct {
	Reason string
	// Cause is for the log; its text is not for callers over a network.
	Cause error
}

// Error is the reason, with the cause for the log.
func (e *UnavailableError) Error() string {
	if e.Cause != nil {
		return e.Reason + ": " + e.Cause.Error()
	}
	return e.Reason
}

// Is makes errors.Is(err, ErrUnavailable) hold.
func (e *UnavailableError) Is(target error) bool { return target == ErrUnavailable }

// Unwrap gives the cause.
func (e *UnavailableError) Unwrap() error { return e.Cause }

package jobs

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"time"
)

// Driver is the code behind a job type, an action or an attachment. Drivers are called concurrently. One of kind attachment is a Renderer
// and its Run is never called.
type Driver interface {
	// Info never changes while the driver is registered.
	Info() DriverInfo
	// Run does the work of one attempt of a step. It returns soon after ctx is done; context.Cause tells why: ErrCanceled,
	// ErrShutdown, ErrTimeout, ErrFenced. A panic is the step's error. Errors say by Permanent, RetryAfter and Unclear whether
	// another try makes sense.
	Run(ctx context.Context, task *Task) (Output, error)
}

// Previewer is a driver that can tell what Run would do, without doing it. Info().Preview says that it is one.
type Previewer interface {
	Preview(ctx context.Context, task *Task) (output any, err error)
}

// Validator is a driver that checks settings beyond its JSON Schema. Faults are *ValidationError with paths relative to the
// settings. Settings may hold placeholders.
type Validator interface {
	Validate(data json.RawMessage) error
}

// StepIdempotence is a driver for which it depends on the settings whether a step may be repeated; else Info().Idempotent holds
// for all.
type StepIdempotence interface {
	IdempotentFor(data json.RawMessage) bool
}

// SecretTargets is a driver that says where its secrets go: scheme, host and port of a URL, an account. A secret belongs to its
// target: when a change of the settings changes the target, the stored secret is dropped and has to be entered again (R46).
type SecretTargets interface {
	SecretTarget(data json.RawMessage) string
}

// DriverInfo describes a driver to people and to programs (contract 13.1).
type DriverInfo struct {
	// ID is ^[a-z][a-z0-9-]{0,62}$, unique within the kind.
	ID          string
	Name        string
	Description string
	// Icon is a word that a page may know; empty for none.
	Icon string
	Kind DriverKind
	// Schema is the JSON Schema (2020-12) of the settings, an object. Properties with "writeOnly": true are secrets.
	Schema json.RawMessage
	// ParamsSchema is the schema of a run's params; nil: any object. Kind job only.
	ParamsSchema json.RawMessage
	// Idempotent: an interrupted step may be repeated (reliability section 2).
	Idempotent bool
	// Attachments and Preview are abilities of an action driver: it takes Task.Attachments, and it is a Previewer.
	Attachments bool
	Preview     bool
	Source      DriverSource
	// Version of a plugin; empty else.
	Version string
}

// DriverKind tells what a driver can be used for.
type DriverKind string

// Kinds of drivers.
const (
	DriverJob        DriverKind = "job"
	DriverAction     DriverKind = "action"
	DriverAttachment DriverKind = "attachment"
)

// DriverSource tells where a driver comes from.
type DriverSource string

// Sources of drivers.
const (
	SourceBuiltin DriverSource = "builtin"
	SourceHost    DriverSource = "host"
	SourcePlugin  DriverSource = "plugin"
)

// Drivers is a set of drivers: the registry that engine and service get. It may be read concurrently.
type Drivers interface {
	Driver(kind DriverKind, id string) (Driver, bool)
	// All gives the drivers of a kind, ordered by id.
	All(kind DriverKind) []Driver
}

// Task is what a driver gets for one attempt of a step. It is valid until Run returns.
type Task struct {
	Tenant   TenantID
	JobID    ID
	JobName  string
	RunID    RunID
	ActionID ActionID
	// OwnerID is the principal with whose rights the work is done.
	OwnerID PrincipalID
	Trigger Trigger
	// FireAt is the fire that the run is for; zero if it was started by hand.
	FireAt time.Time
	// Data are the settings with placeholders replaced and secrets filled in.
	Data json.RawMessage
	// Params are the inputs of the run, a JSON object.
	Params json.RawMessage
	// Attachments are those of the action in their order, rendered; none unless Info().Attachments.
	Attachments []Contents
	// Key is the effect key, the same for each attempt of this step (R18, R19).
	Key string
	// Attempt counts from 1; Resumed tells that an earlier attempt was interrupted and its outcome is unknown.
	Attempt int
	Resumed bool
	// RunStatus is the status of the run so far: success, warning or error.
	RunStatus RunStatus
	// StartedAt is the start of the run; Location the zone of the job.
	StartedAt time.Time
	Location  *time.Location
	// Log writes to the run's log; a line of level warn makes the run end with a warning. Secrets are redacted.
	Log *slog.Logger
	// Progress reports 0 to 100 and a message that may be empty; the latest wins.
	Progress func(percent float64, message string)
}

// Output is what a successful step leaves.
type Output struct {
	// Data is encoded as JSON, at most MaxStepOutput bytes; later steps and conditions read it. Nil is the empty object.
	Data any
	// Message is one line for people; empty for none.
	Message string
}

// Causes with which the context of a step ends.
var (
	// ErrCanceled: somebody canceled the run.
	ErrCanceled = errors.New("canceled")
	// ErrShutdown: the worker shuts down and the grace is over.
	ErrShutdown = errors.New("interrupted by shutdown")
	// ErrTimeout: the step or the run took longer than its time-out.
	ErrTimeout = errors.New("timed out")
)

// stepError carries what a driver says of another try.
type stepError struct {
	err       error
	permanent bool
	unclear   bool
	after     time.Duration
}

func (e *stepError) Error() string { return e.err.Error() }
func (e *stepError) Unwrap() error { return e.err }

// Permanent marks an error that another try would not change. Nil stays nil.
func Permanent(err error) error {
	if err == nil {
		return nil
	}
	return &stepError{err: err, permanent: true}
}

// RetryAfter marks an error after which another try makes sense, but not before d has passed (at most 1 h, R20). Nil stays nil.
func RetryAfter(d time.Duration, err error) error {
	if err == nil {
		return nil
	}
	return &stepError{err: err, after: min(max(d, 0), time.Hour)}
}

// Unclear marks an error after which it is unknown whether the effect happened, such as a connection that broke after a mail
// was handed over. Such a step is tried again only if its policy or driver says that repeating is safe (P4, P10). Nil stays nil.
func Unclear(err error) error {
	if err == nil {
		return nil
	}
	return &stepError{err: err, unclear: true}
}

// RetryAdvice is what an error says of another try.
type RetryAdvice struct {
	Permanent bool
	Unclear   bool
	// After is the least pause; zero leaves it to the policy.
	After time.Duration
}

// AdviceOf reads what a driver's error says of another try; errors that say nothing give the zero value.
func AdviceOf(err error) RetryAdvice {
	var e *stepError
	if !errors.As(err, &e) {
		return RetryAdvice{}
	}
	return RetryAdvice{Permanent: e.permanent, Unclear: e.unclear, After: e.after}
}

// Idempotent tells whether a step of d with these settings may be repeated when it was interrupted.
func Idempotent(d Driver, data json.RawMessage) bool {
	if s, ok := d.(StepIdempotence); ok {
		return s.IdempotentFor(data)
	}
	return d.Info().Idempotent
}

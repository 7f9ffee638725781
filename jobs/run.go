package jobs

import (
	"encoding/json"
	"time"
)

// Run is one execution of a job: the history record of the contract.
type Run struct {
	ID     RunID
	Tenant TenantID
	JobID  ID
	// OwnerID is the owner of the job when the run was queued; its rights are the rights of the run.
	OwnerID PrincipalID
	// Revision is the definition that the run executes; while it is queued, the one that it would execute now.
	Revision int64
	Status   RunStatus
	Trigger  Trigger
	// TriggeredBy is who started it; empty for the schedule.
	TriggeredBy PrincipalID
	WorkerID    WorkerID
	// Fence makes writes of a former holder void; it grows with each claim.
	Fence    int64
	Priority int
	// NotBefore is the earliest moment at which a queued run may be claimed.
	NotBefore time.Time
	// FireAt is the fire that started the run; zero if none did.
	FireAt time.Time
	// RetryOf is the run that this one repeats; empty for none.
	RetryOf RunID
	// Pinned: the run executes its Revision, also if the job gets another one while it is queued.
	Pinned bool
	// Blocked: the run waits for another run of its job to end (overlap queue, cancel, or allow at its bound).
	Blocked bool
	// Losses counts the workers that were lost while they held the run.
	Losses int
	// Attempt is 1, and one more for each time that the run was resumed.
	Attempt         int
	CancelRequested bool
	// Params are the inputs of this run, a JSON object.
	Params json.RawMessage
	// Steps are all steps of the run, also those still to come.
	Steps    []Step
	Warnings bool
	// Error is the message of the first error.
	Error string
	// Seq is the number of the newest event of the run; see RunEvents.
	Seq int64
	// Waiting says why a queued run does not run yet; nil if it is not queued. The reads of Client fill it, stores do not.
	Waiting *Wait

	CreatedAt time.Time
	UpdatedAt time.Time
	// StartedAt is the first claim; EndedAt the end. Both zero until then.
	StartedAt time.Time
	EndedAt   time.Time
}

// Success tells whether an ended run succeeded, warnings included.
func (r *Run) Success() bool { return r.Status == RunSuccess || r.Status == RunWarning }

// RunStatus is the state of a run.
type RunStatus string

// A run is live while it is queued or running; the others are final (reliability section 2).
const (
	RunQueued   RunStatus = "queued"
	RunRunning  RunStatus = "running"
	RunSuccess  RunStatus = "success"
	RunWarning  RunStatus = "warning"
	RunError    RunStatus = "error"
	RunCanceled RunStatus = "canceled"
)

// Terminal reports whether nothing changes the run any more.
func (s RunStatus) Terminal() bool { return s != RunQueued && s != RunRunning }

// Valid reports whether s is one of the states.
func (s RunStatus) Valid() bool {
	switch s {
	case RunQueued, RunRunning, RunSuccess, RunWarning, RunError, RunCanceled:
		return true
	}
	return false
}

// runMoves is the table of reliability section 2: every change of a run's state is one of these.
var runMoves = map[RunStatus][]RunStatus{
	RunQueued:  {RunRunning, RunCanceled},
	RunRunning: {RunQueued, RunSuccess, RunWarning, RunError, RunCanceled},
}

// CanBecome reports whether the table of states has the move from s to next (R2). Staying in RunRunning is no move.
func (s RunStatus) CanBecome(next RunStatus) bool {
	for _, to := range runMoves[s] {
		if to == next {
			return true
		}
	}
	return false
}

// Trigger says what started a run.
type Trigger string

// A fire in time, a start by hand or by code, a fire that was later than the misfire grace, a fire of the past that was asked for.
const (
	TriggerSchedule Trigger = "schedule"
	TriggerManual   Trigger = "manual"
	TriggerCatchup  Trigger = "catchup"
	TriggerBackfill Trigger = "backfill"
)

// LogEntry is one line of a run's log.
type LogEntry struct {
	// ID is a UUID made from the run and the index; stores compute it on reading.
	ID    string
	RunID RunID
	// Index is the order in the run, from 0.
	Index int64
	// Seq is the number of the event that the entry is; see RunEvents.
	Seq      int64
	Level    LogLevel
	Message  string
	ActionID ActionID
	// Data are structured facts, a JSON object or nil.
	Data      json.RawMessage
	CreatedAt time.Time
}

// LogLevel orders log entries by weight.
type LogLevel int8

// Levels of a log entry.
const (
	LogDebug LogLevel = iota
	LogInfo
	LogWarn
	LogError
)

var logLevelNames = [...]string{"debug", "info", "warn", "error"}

// String is the word of the wire.
func (l LogLevel) String() string {
	if l < LogDebug || l > LogError {
		return "unknown"
	}
	return logLevelNames[l]
}

// ParseLogLevel reads the word of the wire.
func ParseLogLevel(text string) (LogLevel, bool) {
	for i, name := range logLevelNames {
		if name == text {
			return LogLevel(i), true
		}
	}
	return LogDebug, false
}

// Limits of a run (reliability section 13).
const (
	MaxLogMessage     = 8000
	MaxLogEntries     = 10_000
	MaxLogBytes       = 5 << 20
	MaxParamsBytes    = 64 << 10
	MaxStepOutput     = 256 << 10
	MaxRunOutputs     = 4 << 20
	MaxErrorText      = 4 << 10
	MaxLosses         = 3
	MaxIdempotencyKey = 255
	MaxRunDuration    = 48 * time.Hour
	MaxStepDuration   = 24 * time.Hour
	// IdempotencyWindow is how long a start is remembered by its Idempotency-Key.
	IdempotencyWindow = 24 * time.Hour
)

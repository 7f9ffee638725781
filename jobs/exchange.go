package jobs

import "time"

// ExchangeRequest is one turn of the pipe between a worker and the store (DESIGN 5): what happened since the last turn, and how
// many new runs are wanted.
type ExchangeRequest struct {
	Worker WorkerID
	// Beat is the number of this exchange: the stored beat plus one.
	Beat int64
	Now  time.Time
	// Outcomes hold at most one entry for each run.
	Outcomes []Outcome
	// Want is the most runs to claim now.
	Want int
	// Has tells whether the worker has a driver; a run is claimed only by a worker that has all drivers of its job.
	Has func(kind DriverKind, id string) bool
}

// Outcome is what happened to one run since the last exchange. It is written only if the worker still holds the run under
// this fence (R3).
type Outcome struct {
	RunID RunID
	Fence int64
	// Steps replace the stored ones; nil: unchanged.
	Steps []Step
	// Starts: the last started step in Steps has just been started and waits for this exchange to be executed. If a cancel is
	// requested the store writes that step as pending instead (R-table T4, invariant I7); see ExchangeResult.CancelRequested.
	Starts bool
	// Logs are appended; their Index and Seq are set by the worker.
	Logs []LogEntry
	// Seq is the run's newest event number.
	Seq int64
	// Warnings: the run has a warning.
	Warnings bool
	// End ends the run; Requeue gives it back. At most one of the two.
	End     *RunEnd
	Requeue *Requeue
}

// RunEnd is the final state of a run.
type RunEnd struct {
	// Status is terminal.
	Status RunStatus
	// Error is the message of the first error; empty for none.
	Error string
	At    time.Time
}

// Requeue puts a running run back: a long pause before a retry, or a drain. The job stays locked.
type Requeue struct {
	// NotBefore is the earliest next claim.
	NotBefore time.Time
}

// ExchangeResult is what the store answers after its commit.
type ExchangeResult struct {
	Claimed []Claim
	// Fenced are runs of the request that belong to somebody else now: stop their work, write nothing.
	Fenced []RunID
	// CancelRequested are running runs of this worker that are to be canceled, as long as they run.
	CancelRequested []RunID
	// NextDue is when the next queued run that is not due yet may be claimed; zero if there is none.
	NextDue time.Time
	// More: runs that this worker could take may be waiting beyond Want.
	More bool
	// Status and Concurrency are what operators want of the worker; Limits give its heartbeat and time-out.
	Status      WorkerStatus
	Concurrency int
	Limits      Limits
	// Refused says why nothing was claimed although it was wanted: no disk space (R29). Empty else.
	Refused string
}

// Claim is a run that the worker holds from now on. Its current step is started already.
type Claim struct {
	Run Run
	// Definition is shared between claims of one revision: read-only.
	Definition *Definition
	// Resumed: the current step was interrupted in an earlier attempt.
	Resumed bool
}

// Interruption is what becomes of a run whose step was interrupted.
type Interruption struct {
	// Requeue: the run goes back to queued; else it ends with RunError and Error.
	Requeue bool
	Steps   []Step
	Error   string
	// Seq is the number of the run's newest event after it.
	Seq int64
}

// Interrupt decides what becomes of a running run that its worker cannot go on with: it is put back if its current step may be
// repeated or was not started and it was lost fewer than MaxLosses times, else it ends (reliability section 2, T4 and T7). Reason is
// "worker lost: no heartbeat for 60 s" or "interrupted by shutdown". Steps of the run are not changed; the result has its own.
// Losses of the run include the present one.
func Interrupt(run *Run, d *Definition, at time.Time, reason string) Interruption {
	steps := append([]Step(nil), run.Steps...)
	seq := run.Seq + 1
	i := CurrentStep(steps)
	if i == len(steps) {
		// The last result is recorded and the end was not: the run goes on to its end on another worker.
		return Interruption{Requeue: true, Steps: steps, Seq: seq}
	}
	step := &steps[i]
	policy, known := d.Policy(step)
	if known && Repeatable(step, policy) && run.Losses < MaxLosses {
		if step.State == StepStarted {
			step.State, step.Seq = StepInterrupted, seq
		}
		return Interruption{Requeue: true, Steps: steps, Seq: seq}
	}
	message := reason + " (step \"" + step.Label() + "\")"
	step.State, step.Message, step.EndedAt, step.Seq = StepError, message, at, seq
	for j := i + 1; j < len(steps); j++ {
		seq++
		steps[j].State, steps[j].Message, steps[j].EndedAt, steps[j].Seq = StepSkipped, "the run was interrupted", at, seq
	}
	return Interruption{Steps: steps, Error: message, Seq: seq}
}

// Label names the step to people: the action's name, or the driver's id.
func (s *Step) Label() string {
	if s.Name != "" {
		return s.Name
	}
	return s.Type
}

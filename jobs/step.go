package jobs

import (
	"crypto/sha256"
	"encoding/base32"
	"encoding/json"
	"time"
)

// Step is a part of a run: snapshots before, the driver step, the actions, snapshots after. Its JSON form is stored in the run's document.
type Step struct {
	Kind StepKind `json:"kind"`
	// ActionID is empty for all but actions.
	ActionID ActionID `json:"actionId,omitempty"`
	// Type is the id of the driver; "snapshot" for snapshots.
	Type string `json:"type"`
	// Name is the name of the action, or for snapshots the alias of the association; empty for the driver step.
	Name  string    `json:"name,omitempty"`
	State StepState `json:"state"`
	// Attempt is the number of the current or last try, from 1; 0 before the first.
	Attempt int `json:"attempt,omitempty"`
	// Failures is how many attempts ended with an error; only they use up MaxRetries (R20). Attempts beyond them and the current one
	// were interrupted, so their outcome is unknown.
	Failures int `json:"failures,omitempty"`
	// Idempotent is what the driver said of this step; it decides after an interruption.
	Idempotent bool `json:"idempotent,omitempty"`
	// Message is for people: what was done, why it failed, which rule skipped it.
	Message string          `json:"message,omitempty"`
	Output  json.RawMessage `json:"output,omitempty"`
	// Percent is 0 to 100, as the driver reports; nil if it did not.
	Percent   *float64  `json:"percent,omitempty"`
	StartedAt time.Time `json:"startedAt,omitzero"`
	EndedAt   time.Time `json:"endedAt,omitzero"`
	// Seq is the number of the run's event that changed the step last.
	Seq int64 `json:"seq,omitempty"`
}

// StepKind tells the parts of a run apart.
type StepKind string

// Kinds of steps.
const (
	StepDriver         StepKind = "driver"
	StepAction         StepKind = "action"
	StepSnapshotBefore StepKind = "snapshot-before"
	StepSnapshotAfter  StepKind = "snapshot-after"
)

// snapshotType stands for a driver in steps that take snapshots.
const snapshotType = "snapshot"

// Snapshot gives the moment of a step that takes snapshots; empty for other steps.
func (k StepKind) Snapshot() SnapshotWhen {
	switch k {
	case StepSnapshotBefore:
		return SnapshotBefore
	case StepSnapshotAfter:
		return SnapshotAfter
	case StepDriver, StepAction:
	}
	return ""
}

// StepState is the state of a step: pending → started → success, warning, error or skipped; started → interrupted → started.
type StepState string

// States of a step.
const (
	StepPending     StepState = "pending"
	StepStarted     StepState = "started"
	StepInterrupted StepState = "interrupted"
	StepSuccess     StepState = "success"
	StepWarning     StepState = "warning"
	StepError       StepState = "error"
	StepSkipped     StepState = "skipped"
)

// Done reports whether the result of the step is recorded; such a step is never executed again (P3).
func (s StepState) Done() bool {
	switch s {
	case StepSuccess, StepWarning, StepError, StepSkipped:
		return true
	case StepPending, StepStarted, StepInterrupted:
	}
	return false
}

// ID names the step within its run: the action's id, "driver", or "snapshot-before:" and "snapshot-after:" with the alias.
func (s *Step) ID() string {
	switch s.Kind {
	case StepDriver:
		return string(StepDriver)
	case StepSnapshotBefore, StepSnapshotAfter:
		return string(s.Kind) + ":" + s.Name
	case StepAction:
	}
	return string(s.ActionID)
}

// NewSteps are the steps of a run of d, all pending, as contract 3.2 orders them: snapshots before, the driver step, the enabled actions,
// snapshots after.
func NewSteps(d *Definition) []Step {
	steps := make([]Step, 0, 1+len(d.Actions)+2*len(d.Datasets))
	steps = appendSnapshots(steps, d, StepSnapshotBefore)
	steps = append(steps, Step{Kind: StepDriver, Type: d.Type, State: StepPending, Idempotent: d.Idempotent})
	for i := range d.Actions {
		if a := &d.Actions[i]; !a.Disabled {
			steps = append(steps, Step{
				Kind: StepAction, ActionID: a.ID, Type: a.Type, Name: a.Name, State: StepPending, Idempotent: a.Idempotent,
			})
		}
	}
	return appendSnapshots(steps, d, StepSnapshotAfter)
}

// appendSnapshots adds a step for each association that takes snapshots at that moment. It may be repeated: a snapshot that was taken under
// the step's key is not taken again.
func appendSnapshots(steps []Step, d *Definition, kind StepKind) []Step {
	for i := range d.Datasets {
		if a := &d.Datasets[i]; a.Snapshots != nil && a.Snapshots.When.Has(kind.Snapshot()) {
			steps = append(steps, Step{Kind: kind, Type: snapshotType, Name: a.Alias, State: StepPending, Idempotent: true})
		}
	}
	return steps
}

// FirstSteps are the steps of a run that was claimed at that moment for the first time: the first one is started.
// A store may leave them out of the row and make them from the definition when it reads. The claim is event 1 of the run.
func FirstSteps(d *Definition, claimedAt time.Time) []Step {
	steps := NewSteps(d)
	steps[0].State, steps[0].Attempt, steps[0].StartedAt, steps[0].Seq = StepStarted, 1, claimedAt, 1
	return steps
}

// CurrentStep is the index of the first step that has no result; len(steps) if all have one.
func CurrentStep(steps []Step) int {
	for i := range steps {
		if !steps[i].State.Done() {
			return i
		}
	}
	return len(steps)
}

// Policy gives the step policy of a step of d; false if the definition has no such action or association.
func (d *Definition) Policy(s *Step) (StepPolicy, bool) {
	switch s.Kind {
	case StepDriver:
		return d.Policies.Driver, true
	case StepSnapshotBefore, StepSnapshotAfter:
		_, _, ok := d.Association(s.Name)
		return DefaultStepPolicy(), ok
	case StepAction:
	}
	a, _, ok := d.Action(s.ActionID)
	if !ok {
		return StepPolicy{}, false
	}
	return a.Step, true
}

// Repeatable decides whether an interrupted step may be executed again (reliability section 2): by its policy, or because its
// driver is idempotent, or because tries are left. A step that was not started may always be.
func Repeatable(s *Step, p StepPolicy) bool {
	if s.State == StepPending {
		return true
	}
	switch p.OnInterrupt {
	case OnInterruptRetry:
		return true
	case OnInterruptFail:
		return false
	case OnInterruptAuto:
	}
	return s.Idempotent || s.Attempt < p.MaxRetries+1
}

var keyEncoding = base32.NewEncoding("abcdefghijklmnopqrstuvwxyz234567").WithPadding(base32.NoPadding)

// EffectKey names one step of one run to the outside world, the same for every attempt and resume (R18): 32 characters of
// a-z and 2-7, from the first 20 bytes of SHA-256 of "run id/step id".
func EffectKey(run RunID, stepID string) string {
	sum := sha256.Sum256([]byte(string(run) + "/" + stepID))
	return keyEncoding.EncodeToString(sum[:20])
}

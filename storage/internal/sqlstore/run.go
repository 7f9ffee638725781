package sqlstore

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/carillon-go/carillon/jobs"
)

// runRow is a run as both runs and run_history have it.
type runRow struct {
	ID              jobs.RunID       `db:"id"`
	Tenant          jobs.TenantID    `db:"tenant"`
	JobID           jobs.ID          `db:"job_id"`
	OwnerID         jobs.PrincipalID `db:"owner_id"`
	Revision        int64            `db:"revision"`
	Status          jobs.RunStatus   `db:"status"`
	Trigger         jobs.Trigger     `db:"trigger_kind"`
	TriggeredBy     jobs.PrincipalID `db:"triggered_by"`
	RetryOf         jobs.RunID       `db:"retry_of"`
	Pinned          bool             `db:"pinned"`
	WorkerID        jobs.WorkerID    `db:"worker_id"`
	Fence           int64            `db:"fence"`
	Urgency         int              `db:"urgency"`
	NotBefore       int64            `db:"not_before"`
	FireAt          int64            `db:"fire_at"`
	Blocked         bool             `db:"blocked"`
	Losses          int              `db:"losses"`
	Attempt         int              `db:"attempt"`
	Resumed         bool             `db:"resumed"`
	CancelRequested bool             `db:"cancel_requested"`
	Params          string           `db:"params"`
	Steps           string           `db:"steps"`
	Warnings        bool             `db:"warnings"`
	Error           string           `db:"error"`
	Seq             int64            `db:"seq"`
	CreatedAt       int64            `db:"created_at"`
	UpdatedAt       int64            `db:"updated_at"`
	StartedAt       int64            `db:"started_at"`
	EndedAt         int64            `db:"ended_at"`
}

const (
	liveColumns = `id, tenant, job_id, owner_id, revision, status, trigger_kind, triggered_by, COALESCE(retry_of, '') AS retry_of, pinned,
	       COALESCE(worker_id, '') AS worker_id,
	       fence, urgency, not_before, COALESCE(fire_at, 0) AS fire_at, blocked, losses, attempt, resumed, cancel_requested, params,
	       COALESCE(steps, '') AS steps, warnings, '' AS error, seq, created_at, updated_at, started_at, 0 AS ended_at`
	endedColumns = `id, tenant, job_id, owner_id, revision, status, trigger_kind, triggered_by, COALESCE(retry_of, '') AS retry_of, 0 AS pinned,
	       COALESCE(worker_id, '') AS worker_id,
	       fence, urgency, not_before, COALESCE(fire_at, 0) AS fire_at, 0 AS blocked, losses, attempt, 0 AS resumed, cancel_requested, params,
	       COALESCE(steps, '') AS steps, warnings, error, seq, created_at, updated_at, started_at, ended_at`
)

// toRun makes the run with these steps.
func (r *runRow) toRun(steps []jobs.Step) *jobs.Run {
	return &jobs.Run{
		ID: r.ID, Tenant: r.Tenant, JobID: r.JobID, OwnerID: r.OwnerID, Revision: r.Revision, Status: r.Status,
		Trigger: r.Trigger, TriggeredBy: r.TriggeredBy, WorkerID: r.WorkerID, Fence: r.Fence, Priority: -r.Urgency,
		RetryOf: r.RetryOf, Pinned: r.Pinned,
		NotBefore: fromMillis(r.NotBefore), FireAt: fromMillis(r.FireAt), Blocked: r.Blocked, Losses: r.Losses, Attempt: r.Attempt,
		CancelRequested: r.CancelRequested, Params: json.RawMessage(r.Params), Steps: steps, Warnings: r.Warnings, Error: r.Error,
		Seq: r.Seq, CreatedAt: fromMillis(r.CreatedAt), UpdatedAt: fromMillis(r.UpdatedAt),
		StartedAt: fromMillis(r.StartedAt), EndedAt: fromMillis(r.EndedAt),
	}
}

// steps are those that are stored, or else those of the definition, which is nil if it cannot be read. False: they cannot be known.
func (r *runRow) steps(d *jobs.Definition) ([]jobs.Step, bool) {
	switch {
	case r.Steps != "":
		var steps []jobs.Step
		if err := json.Unmarshal([]byte(r.Steps), &steps); err != nil || len(steps) == 0 {
			return nil, false // every run has a driver step
		}
		return steps, true
	case d == nil:
		return nil, false
	case r.StartedAt != 0:
		return jobs.FirstSteps(d, fromMillis(r.StartedAt)), true
	}
	return jobs.NewSteps(d), true
}

// storedSteps is the column of steps.
func storedSteps(steps []jobs.Step) (string, error) {
	if len(steps) == 0 {
		return "[]", nil // those of a run that could not be read
	}
	text, err := json.Marshal(steps)
	if err != nil {
		return "", fmt.Errorf("write steps: %w", err)
	}
	return string(text), nil
}

// storedRun is a run with the definition that it executes.
type storedRun struct {
	*jobs.Run
	definition *jobs.Definition
	// unreadable says what of it is stored and cannot be read; empty as a rule. It may be shown, without steps if those are not known,
	// and ended. To execute it would mean to guess what it has done or is to do.
	unreadable string
}

// run makes the run of a row with the definition that it names.
func (c *Core) run(g getter, r *runRow) (storedRun, error) {
	d, fault, err := c.definition(g, r.JobID, r.Revision)
	if err != nil {
		return storedRun{}, err
	}
	steps, ok := r.steps(d)
	run := storedRun{Run: r.toRun(steps), definition: d}
	switch {
	case fault != "":
		run.definition, run.unreadable = new(jobs.Definition), unreadableDefinition
	case !ok:
		run.unreadable = unreadableSteps
	}
	return run, nil
}

// readRun is run for those who only show it.
func (c *Core) readRun(g getter, r *runRow) (*jobs.Run, error) {
	run, err := c.run(g, r)
	return run.Run, err
}

const (
	// sqlGetLive: lookup by primary key.
	sqlGetLive = `
	SELECT ` + liveColumns + `
	FROM   runs
	WHERE  id = ? AND tenant = ?`
	// sqlGetEnded: lookup by primary key.
	sqlGetEnded = `
	SELECT ` + endedColumns + `
	FROM   run_history
	WHERE  id = ? AND tenant = ?`
)

// anyRun reads the row of a live or ended run.
func anyRun(g getter, tenant jobs.TenantID, id jobs.RunID) (*runRow, error) {
	for _, query := range []string{sqlGetLive, sqlGetEnded} {
		var row runRow
		if ok, err := g.get(&row, query, id, tenant); err != nil || ok {
			return &row, err
		}
	}
	return nil, jobs.NotFound("run")
}

// Run is jobs.RunStore.
func (c *Core) Run(ctx context.Context, tenant jobs.TenantID, id jobs.RunID) (*jobs.Run, error) {
	var run *jobs.Run
	err := c.read(ctx, "read run", func(v *View) error {
		row, err := anyRun(v, tenant, id)
		if err != nil {
			return err
		}
		run, err = c.readRun(v, row)
		return err
	})
	return run, err
}

// moveSteps is what becomes of steps when their run ends before they do (contract 3.3): the current one ends as error if it was
// started, else it and the later ones are skipped. Each change is an event of its own after seq; the last one is returned.
func moveSteps(steps []jobs.Step, at time.Time, seq int64, message string) ([]jobs.Step, int64) {
	out := append([]jobs.Step(nil), steps...)
	for i := range out {
		s := &out[i]
		if s.State.Done() {
			continue
		}
		if s.State == jobs.StepPending {
			s.State = jobs.StepSkipped
		} else {
			s.State = jobs.StepError
		}
		seq++
		s.Message, s.EndedAt, s.Seq = message, at, seq
	}
	return out, seq
}

package jobs

import (
	"context"
	"time"
)

// Retry asks for a new run in place of an ended one (contract 20.5).
type Retry struct {
	Tenant TenantID
	JobID  ID
	// RunID is the run that is repeated.
	RunID       RunID
	TriggeredBy PrincipalID
	// Key is an Idempotency-Key, as of Start.
	Key string
	// FromStart: every step is made anew. Else the run goes on at the first step that failed, see RetrySteps.
	FromStart bool
	// Current: the definition of the job as it is now. Else the revision that the run had.
	Current bool
}

// RetryStore repeats runs.
type RetryStore interface {
	// RetryRun inserts a queued run with the params of an ended one, RetryOf its id and TriggerManual, as the job's overlap policy allows. The
	// new run keeps its revision, whatever becomes of the job, unless it is a start of the current one. Keys are those of StartRuns: the same
	// Tenant, JobID, TriggeredBy and Key gives the first run again. Unknown job or run, or a run of another job: ErrNotFound. A live run, one
	// without a failure that is not to be made from the start, a revision that is not kept or cannot be read, an old revision of another
	// owner, whose secrets are not the present one's (R45), and all that is one for StartRuns: *ConflictError.
	RetryRun(ctx context.Context, now time.Time, r Retry) (*Run, error)
}

// RetrySteps are the steps of a run of d that goes on where an ended run of the same job failed. Steps before the first one that failed, or that
// was not reached because the run was canceled, keep their results, which later conditions and placeholders see. That step and all behind it
// are decided anew, also those that ran because of the failure, such as alerts: they have to say the truth of the new run.
//
// D may be another revision: then a result is kept by the id and driver of its step. If a step that has its result would now come behind one
// that has not, so that it had to be made again, that is a *ConflictError.
func RetrySteps(old []Step, d *Definition) ([]Step, error) {
	kept := map[string]*Step{}
	for i := range old[:resumeAt(old)] {
		kept[old[i].ID()] = &old[i]
	}
	steps := NewSteps(d)
	open := false
	for i := range steps {
		s := &steps[i]
		before, ok := kept[s.ID()]
		if !ok || before.Type != s.Type {
			open = true
			continue
		}
		if open {
			return nil, Conflict("the step %q has its result, and the current revision has a new step before it; retry from the start", s.Label())
		}
		name, idempotent := s.Name, s.Idempotent
		*s = *before
		s.Name, s.Idempotent, s.Seq = name, idempotent, 0
	}
	return steps, nil
}

// resumeAt is the index of the step at which a retry goes on; len(steps) if every step has succeeded.
func resumeAt(steps []Step) int {
	for i := range steps {
		if steps[i].State == StepError || !steps[i].State.Done() {
			return i
		}
	}
	// Nothing failed: a canceled run. The skipped steps at its end were not reached, or are skipped again.
	i := len(steps)
	for i > 0 && steps[i-1].State == StepSkipped {
		i--
	}
	return i
}

// Retryable is nil if the run has something that a retry from the failure makes again, else a *ConflictError.
func Retryable(r *Run) error {
	switch {
	case !r.Status.Terminal():
		return &ConflictError{Reason: "the run has not ended yet", Data: map[string]any{"historyId": string(r.ID)}}
	case r.Success():
		return Conflict("nothing in the run has failed; retry from the start")
	case len(r.Steps) == 0:
		return Conflict("what the run has done cannot be read; retry from the start")
	case resumeAt(r.Steps) == len(r.Steps):
		return Conflict("every step of the run has succeeded; retry from the start")
	}
	return nil
}

// RetryOptions are what a retry can say.
type RetryOptions struct {
	// FromStart makes every step anew; else finished ones keep their results.
	FromStart bool
	// Current takes the definition of the job as it is now; else the revision of the run.
	Current bool
	// Key and NeedWorker are those of RunOptions.
	Key        string
	NeedWorker bool
}

// RetryRun starts a new run in place of an ended one and returns when it is queued (contract 20.5); Run.RetryOf names the old one, whose
// params it has. Its effect keys are new (R18). Live runs, and runs in which nothing failed unless FromStart is set, are a *ConflictError.
func (c *Client) RetryRun(ctx context.Context, ref JobRef, id RunID, o RetryOptions) (*Run, error) {
	j, old, err := c.run(ctx, ref, id, PermissionRun)
	if err != nil {
		return nil, err
	}
	if err := checkKey(o.Key); err != nil {
		return nil, err
	}
	r := Retry{
		Tenant: j.Tenant, JobID: j.ID, RunID: id, TriggeredBy: c.principal.User, Key: o.Key, FromStart: o.FromStart, Current: o.Current,
	}
	before, err := c.startedBefore(ctx, j, o.Key)
	if err != nil || before != nil {
		return before, err
	}
	if o.Current {
		if err := c.service.checkParams(j.Type, old.Params); err != nil {
			return nil, Conflict("the params of the run do not fit the job as it is now: %s", err)
		}
	}
	if err := c.service.takesRuns(); err != nil {
		return nil, err
	}
	if o.NeedWorker {
		if err := c.service.needWorker(ctx, j.Type); err != nil {
			return nil, err
		}
	}
	return c.service.store.RetryRun(c.audited(ctx, auditRun(AuditRetry, j, id)), now(), r)
}

func checkKey(key string) error {
	if len(key) > MaxIdempotencyKey {
		return Invalid("Idempotency-Key", "has %d characters; at most %d", len(key), MaxIdempotencyKey)
	}
	return nil
}

// startedBefore gives the run that the principal has started with a key before; nil if there is none. Without it a caller who asks again
// would be told that no worker is alive, although its run is there.
func (c *Client) startedBefore(ctx context.Context, j *Job, key string) (*Run, error) {
	if key == "" {
		return nil, nil
	}
	return c.service.store.StartedRun(ctx, now(), Start{Tenant: j.Tenant, JobID: j.ID, TriggeredBy: c.principal.User, Key: key})
}

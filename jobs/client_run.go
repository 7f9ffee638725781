package jobs

import (
	"context"
	"encoding/json"
	"time"
)

// RunOptions are what a start by hand can say (contract 3.1).
type RunOptions struct {
	// Params are the inputs of the run, a JSON object; nil is the empty one.
	Params json.RawMessage
	// Key is an Idempotency-Key: the same key, job and caller within IdempotencyWindow gives the first run and starts nothing.
	Key string
	// NeedWorker: without a live worker that has the job's driver nothing is started and the error is ErrUnavailable.
	NeedWorker bool
}

// Run starts one run of a job now, outside its schedule, and returns when it is queued. Wait waits for its end. A live run is a
// *ConflictError with Data["historyId"], unless the job's overlap policy says otherwise.
func (c *Client) Run(ctx context.Context, ref JobRef, o RunOptions) (*Run, error) {
	runs, err := c.start(ctx, ref, []json.RawMessage{o.Params}, o)
	if err != nil {
		return nil, err
	}
	return &runs[0], nil
}

// RunMany starts one run for each of the params, all or none. The job's overlap policy must allow it.
func (c *Client) RunMany(ctx context.Context, ref JobRef, params []json.RawMessage) ([]Run, error) {
	if len(params) == 0 {
		return nil, c.Can(ctx, ref, PermissionRun)
	}
	return c.start(ctx, ref, params, RunOptions{})
}

func (c *Client) start(ctx context.Context, ref JobRef, params []json.RawMessage, o RunOptions) ([]Run, error) {
	j, err := c.permitted(ctx, ref, PermissionRun)
	if err != nil {
		return nil, err
	}
	var f Faults
	clean := make([]json.RawMessage, len(params))
	for i, p := range params {
		clean[i] = p
		if len(p) == 0 {
			clean[i] = json.RawMessage("{}")
		}
		path := "params"
		if len(params) > 1 {
			path = indexPath("params", i)
		}
		if len(p) > MaxParamsBytes {
			f.Add(path, "has %d bytes; at most %d", len(p), MaxParamsBytes)
			continue
		}
		if err := f.Merge(path, c.service.checkParams(j.Type, clean[i])); err != nil {
			return nil, err
		}
	}
	if err := f.Merge("", checkKey(o.Key)); err != nil {
		return nil, err
	}
	if err := f.Err(); err != nil {
		return nil, err
	}
	if j.IsDraft() {
		return nil, Conflict("a draft cannot run; commit it first")
	}
	before, err := c.startedBefore(ctx, j, o.Key)
	if err != nil {
		return nil, err
	}
	if before != nil {
		return []Run{*before}, nil
	}
	if err := c.service.takesRuns(); err != nil {
		return nil, err
	}
	if o.NeedWorker {
		if err := c.service.needWorker(ctx, j.Type); err != nil {
			return nil, err
		}
	}
	return c.service.store.StartRuns(c.audited(ctx, auditJob(AuditRun, j)), now(), Start{
		Tenant: j.Tenant, JobID: j.ID, Trigger: TriggerManual, TriggeredBy: c.principal.User, Params: clean, Key: o.Key,
	})
}

// needWorker looks for a worker that beats and has the driver. Its answer is for people who wait: no run depends on it (R5).
func (s *Service) needWorker(ctx context.Context, jobType string) error {
	limits, err := s.store.Limits(ctx, "")
	if err != nil {
		return err
	}
	page, err := s.store.Workers(ctx, WorkerQuery{Statuses: []WorkerStatus{WorkerActive}})
	if err != nil {
		return err
	}
	for _, w := range page.Items {
		if now().Sub(w.HeartbeatAt) > limits.Timeout {
			continue
		}
		for _, t := range w.JobTypes {
			if t == jobType {
				return nil
			}
		}
	}
	return &UnavailableError{Reason: "no worker for jobs of type \"" + jobType + "\" is alive"}
}

// Wait waits until a run has ended, or until ctx is done; it returns the run as it is then. The error is nil in both cases unless
// the run cannot be read.
func (c *Client) Wait(ctx context.Context, ref JobRef, id RunID) (*Run, error) {
	wake, stop := c.service.store.Watch(TopicRun, id)
	defer stop()
	for {
		// The last look is made even when the caller has no time left.
		_, r, err := c.run(context.WithoutCancel(ctx), ref, id, PermissionRead)
		if err != nil || r.Status.Terminal() {
			return r, err
		}
		select {
		case <-wake:
		case <-time.After(waitPoll):
		case <-ctx.Done():
			// The last look is made although the caller has no time left: the run may have ended at the same moment.
			return c.RunByID(context.WithoutCancel(ctx), ref, id)
		}
	}
}

// waitPoll is the safety net below the notifications of the store.
const waitPoll = 15 * time.Second

// RunByID reads one run of a job.
func (c *Client) RunByID(ctx context.Context, ref JobRef, id RunID) (*Run, error) {
	_, r, err := c.run(ctx, ref, id, PermissionRead)
	if err != nil {
		return nil, err
	}
	return r, c.explain(ctx, r)
}

// run reads a run below a job on which the principal has a permission; a run of another job does not exist there.
func (c *Client) run(ctx context.Context, ref JobRef, id RunID, perm Permission) (*Job, *Run, error) {
	j, err := c.readable(ctx, ref)
	if err != nil {
		return nil, nil, err
	}
	r, err := c.service.store.Run(ctx, j.Tenant, id)
	if err != nil {
		return nil, nil, err
	}
	if r.JobID != j.ID {
		return nil, nil, NotFound("run")
	}
	if err := c.allowed(ctx, j, perm); err != nil {
		return nil, nil, err
	}
	return j, r, nil
}

// Runs lists the runs of a job, newest first unless sorted otherwise. Tenant and JobID of the query are set here.
func (c *Client) Runs(ctx context.Context, ref JobRef, q RunQuery) (Page[*Run], error) {
	j, err := c.readable(ctx, ref)
	if err != nil {
		return Page[*Run]{}, err
	}
	if err := checkSort(q.Sort, RunSortFields); err != nil {
		return Page[*Run]{}, err
	}
	q.Tenant, q.JobID, q.ReadableBy = j.Tenant, j.ID, nil
	page, err := c.service.store.Runs(ctx, q)
	if err != nil {
		return page, err
	}
	return page, c.explain(ctx, page.Items...)
}

// CancelRun stops a run (contract 3.3): a queued one ends at once, a running one as soon as its driver returns.
func (c *Client) CancelRun(ctx context.Context, ref JobRef, id RunID) (*Run, error) {
	j, _, err := c.run(ctx, ref, id, PermissionRun)
	if err != nil {
		return nil, err
	}
	return c.service.store.CancelRun(c.audited(ctx, auditRun(AuditCancel, j, id)), now(), j.Tenant, id, c.principal.User)
}

// DeleteRun removes an ended run with its log.
func (c *Client) DeleteRun(ctx context.Context, ref JobRef, id RunID) error {
	j, _, err := c.run(ctx, ref, id, PermissionEdit)
	if err != nil {
		return err
	}
	return c.service.store.DeleteRun(c.audited(ctx, auditRun(AuditDelete, j, id)), j.Tenant, j.ID, id)
}

// DeleteRuns removes the ended runs of a job that were created before a moment.
func (c *Client) DeleteRuns(ctx context.Context, ref JobRef, before time.Time) error {
	j, err := c.permitted(ctx, ref, PermissionEdit)
	if err != nil {
		return err
	}
	if before.IsZero() {
		return Invalid("before", "is required")
	}
	return c.service.store.DeleteRuns(c.audited(ctx, AuditRow{Action: AuditDelete, Kind: "runs", Object: string(j.ID), JobID: j.ID}), j.Tenant, j.ID, before)
}

// Logs reads the log of a run.
func (c *Client) Logs(ctx context.Context, ref JobRef, id RunID, q LogQuery) (Page[LogEntry], error) {
	j, _, err := c.run(ctx, ref, id, PermissionRead)
	if err != nil {
		return Page[LogEntry]{}, err
	}
	q.Tenant, q.RunID = j.Tenant, id
	return c.service.store.Logs(ctx, q)
}

// Events reads what happened to a run after an event, at most limit log entries at a time.
func (c *Client) Events(ctx context.Context, ref JobRef, id RunID, after int64, limit int) (*Run, []LogEntry, error) {
	j, _, err := c.run(ctx, ref, id, PermissionRead)
	if err != nil {
		return nil, nil, err
	}
	return c.service.store.Events(ctx, j.Tenant, id, after, limit)
}

// WatchRun gives a channel that receives after a run has changed; stop must be called. It is a hint: look again after a while all
// the same.
func (c *Client) WatchRun(ctx context.Context, ref JobRef, id RunID) (wake <-chan struct{}, stop func(), err error) {
	if _, _, err := c.run(ctx, ref, id, PermissionRead); err != nil {
		return nil, nil, err
	}
	wake, stop = c.service.store.Watch(TopicRun, id)
	return wake, stop, nil
}

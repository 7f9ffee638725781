package storagetest

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/carillon-go/carillon/jobs"
)

// witness stands between a rule and the store and remembers what the invariants are checked on: what was stored, handed out and
// accepted. It changes nothing.
type witness struct {
	jobs.Store

	mu     sync.Mutex // guards the fields below
	closed bool
	jobs   map[jobs.ID]*witnessed
	// holder tells which worker was given a run under a fence; newest is the greatest fence that was handed out.
	holder map[hold]jobs.WorkerID
	newest map[jobs.RunID]int64
	// ended are runs as they were first seen after their end; results the recorded steps of all runs.
	ended   map[jobs.RunID]jobs.Run
	results map[jobs.RunID][]jobs.Step
	// stopped are running runs whose cancel was answered.
	stopped map[jobs.RunID]bool
	removed bool // runs were removed by the rule, so that some may be missing
	tenants map[jobs.TenantID]int
	cluster int
	faults  []error
}

type hold struct {
	run   jobs.RunID
	fence int64
}

// witnessed is what is known of a job.
type witnessed struct {
	job *jobs.Job
	// most is the greatest bound of concurrency that the job has had.
	most int
	// rescheduled: schedule, enabling or next fire were changed by hand, so that the ledger is not the schedule's alone.
	rescheduled bool
	deleted     bool
}

func newWitness(s jobs.Store) *witness {
	return &witness{
		Store: s, jobs: map[jobs.ID]*witnessed{}, holder: map[hold]jobs.WorkerID{}, newest: map[jobs.RunID]int64{},
		ended: map[jobs.RunID]jobs.Run{}, results: map[jobs.RunID][]jobs.Step{}, stopped: map[jobs.RunID]bool{},
		tenants: map[jobs.TenantID]int{}, cluster: jobs.DefaultLimits().ClusterConcurrency,
	}
}

func (w *witness) isClosed() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.closed
}

// fault notes a broken invariant. The caller holds mu.
func (w *witness) fault(format string, args ...any) {
	w.faults = append(w.faults, fmt.Errorf(format, args...))
}

// Close notes that the rule closes the store itself.
func (w *witness) Close() error {
	w.mu.Lock()
	w.closed = true
	w.mu.Unlock()
	return w.Store.Close()
}

// InsertJob notes the job.
func (w *witness) InsertJob(ctx context.Context, now time.Time, j *jobs.Job) error {
	copied := *j
	err := w.Store.InsertJob(ctx, now, j)
	if err == nil {
		w.mu.Lock()
		w.jobs[copied.ID] = &witnessed{job: &copied, most: bound(&copied)}
		w.mu.Unlock()
	}
	return err
}

func bound(j *jobs.Job) int {
	if j.Policies.Overlap == jobs.OverlapAllow {
		return j.Policies.MaxConcurrent
	}
	return 1
}

// SaveJob notes what the job allows now.
func (w *witness) SaveJob(ctx context.Context, now time.Time, j *jobs.Job, base int64) error {
	copied := *j
	err := w.Store.SaveJob(ctx, now, j, base)
	if err == nil {
		w.mu.Lock()
		defer w.mu.Unlock()
		if known := w.jobs[copied.ID]; known != nil {
			known.most = max(known.most, bound(&copied))
			known.rescheduled = true
			known.job = &copied
		}
	}
	return err
}

// DeleteJob notes that nothing of the job is to be found any more.
func (w *witness) DeleteJob(ctx context.Context, now time.Time, tenant jobs.TenantID, id jobs.ID, base int64, force bool) error {
	err := w.Store.DeleteJob(ctx, now, tenant, id, base, force)
	if err == nil {
		w.mu.Lock()
		defer w.mu.Unlock()
		for _, known := range w.jobs {
			if known.job.ID == id || known.job.EditingID == id {
				known.deleted = true
			}
		}
		w.removed = true
	}
	return err
}

// CloseTenant notes that jobs are switched off.
func (w *witness) CloseTenant(ctx context.Context, now time.Time, tenant jobs.TenantID, force bool) error {
	err := w.Store.CloseTenant(ctx, now, tenant, force)
	if err == nil {
		w.mu.Lock()
		defer w.mu.Unlock()
		for _, known := range w.jobs {
			known.rescheduled = known.rescheduled || known.job.Tenant == tenant
		}
	}
	return err
}

// EraseTenant notes that nothing of the tenant is to be found any more.
func (w *witness) EraseTenant(ctx context.Context, tenant jobs.TenantID, limit int) (jobs.TenantErasure, error) {
	w.forget()
	result, err := w.Store.EraseTenant(ctx, tenant, limit)
	if err == nil {
		w.mu.Lock()
		defer w.mu.Unlock()
		for _, known := range w.jobs {
			known.deleted = known.deleted || known.job.Tenant == tenant
		}
	}
	return result, err
}

// CancelRun notes that no step of the run may start from now on (I7).
func (w *witness) CancelRun(ctx context.Context, now time.Time, tenant jobs.TenantID, id jobs.RunID, by jobs.PrincipalID) (*jobs.Run, error) {
	r, err := w.Store.CancelRun(ctx, now, tenant, id, by)
	if err == nil {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.see(r)
		if !r.Status.Terminal() {
			w.stopped[r.ID] = true
		}
	}
	return r, err
}

// Run notes the run as it is.
func (w *witness) Run(ctx context.Context, tenant jobs.TenantID, id jobs.RunID) (*jobs.Run, error) {
	r, err := w.Store.Run(ctx, tenant, id)
	if err == nil {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.see(r)
	}
	return r, err
}

// see compares a run with what was seen of it before (I4). The caller holds mu.
func (w *witness) see(r *jobs.Run) {
	if before, ok := w.ended[r.ID]; ok {
		if err := same("ended run "+string(r.ID), *r, before); err != nil {
			w.fault("I4: an ended run changed: %w", err)
		}
		return
	}
	w.results[r.ID] = w.seeSteps(r, w.results[r.ID])
	if r.Status.Terminal() {
		kept := *r
		kept.Steps = append([]jobs.Step(nil), r.Steps...)
		w.ended[r.ID] = kept
	}
}

// seeSteps compares recorded results with those that were seen before, and gives the newer list.
func (w *witness) seeSteps(r *jobs.Run, before []jobs.Step) []jobs.Step {
	seen := map[string]bool{}
	for i := range r.Steps {
		id := r.Steps[i].ID()
		if seen[id] {
			w.fault("I6: run %s has two steps with the key of %q", r.ID, id)
		}
		seen[id] = true
	}
	for i := range before {
		if !before[i].State.Done() {
			continue
		}
		if i >= len(r.Steps) {
			w.fault("I4: run %s lost the recorded step %d", r.ID, i)
			continue
		}
		if err := same("recorded step "+before[i].ID(), r.Steps[i], before[i]); err != nil {
			w.fault("I4: a recorded result changed: %w", err)
		}
	}
	return append([]jobs.Step(nil), r.Steps...)
}

// Exchange checks what is accepted and what is handed out (I1, I5, I6, I7).
func (w *witness) Exchange(ctx context.Context, r jobs.ExchangeRequest) (*jobs.ExchangeResult, error) {
	w.mu.Lock()
	newest := map[jobs.RunID]int64{}
	stopped := map[jobs.RunID]bool{}
	for id, fence := range w.newest {
		newest[id] = fence
	}
	for id := range w.stopped {
		stopped[id] = true
	}
	w.mu.Unlock()
	held := make([]hold, len(r.Outcomes)) // before the store can change what was passed in
	for i, o := range r.Outcomes {
		held[i] = hold{o.RunID, o.Fence}
	}

	result, err := w.Store.Exchange(ctx, r)
	if err != nil {
		return result, err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	fenced := map[jobs.RunID]bool{}
	for _, id := range result.Fenced {
		fenced[id] = true
	}
	for _, h := range held {
		if fenced[h.run] {
			continue
		}
		if by := w.holder[h]; by != r.Worker {
			w.fault("I1: a write to run %s under fence %d was accepted from %s, the run was given to %q", h.run, h.fence, r.Worker, by)
		}
		if h.fence < newest[h.run] {
			w.fault("I1: a write to run %s was accepted under fence %d after fence %d was handed out", h.run, h.fence, newest[h.run])
		}
	}
	if len(result.Claimed) > max(r.Want, 0) {
		w.fault("%d runs were claimed, %d were wanted", len(result.Claimed), r.Want)
	}
	for i := range result.Claimed {
		w.seeClaim(r, &result.Claimed[i], stopped)
	}
	return result, nil
}

// seeClaim checks a run that is handed out. The caller holds mu.
func (w *witness) seeClaim(r jobs.ExchangeRequest, c *jobs.Claim, stopped map[jobs.RunID]bool) {
	run := &c.Run
	key := hold{run.ID, run.Fence}
	if by, taken := w.holder[key]; taken {
		w.fault("I1: run %s was given to %s under fence %d, which %s has", run.ID, r.Worker, run.Fence, by)
	}
	if run.Fence <= w.newest[run.ID] {
		w.fault("I1: the fence of run %s went from %d to %d", run.ID, w.newest[run.ID], run.Fence)
	}
	if _, over := w.ended[run.ID]; over {
		w.fault("I4: run %s was claimed after its end", run.ID)
	}
	w.holder[key], w.newest[run.ID] = r.Worker, run.Fence
	if run.NotBefore.After(r.Now) || run.FireAt.After(r.Now) {
		w.fault("P7: run %s for %s, not before %s, was claimed at %s", run.ID, run.FireAt, run.NotBefore, r.Now)
	}
	w.results[run.ID] = w.seeSteps(run, w.results[run.ID])
	if c.Definition == nil {
		w.fault("run %s was claimed without its definition", run.ID)
		return
	}
	i := jobs.CurrentStep(run.Steps)
	if i == len(run.Steps) {
		return // all is recorded, only the end is to be
	}
	step := run.Steps[i]
	if step.State == jobs.StepStarted && stopped[run.ID] {
		w.fault("I7: step %q of run %s was started after a cancel was answered", step.ID(), run.ID)
	}
	for _, later := range run.Steps[i+1:] {
		if later.State != jobs.StepPending {
			w.fault("I5: run %s was claimed at step %q while step %q is %s", run.ID, step.ID(), later.ID(), later.State)
		}
	}
	if policy, ok := c.Definition.Policy(&step); ok && step.Attempt > 1 {
		earlier := step
		earlier.State, earlier.Attempt = jobs.StepInterrupted, step.Attempt-1
		if c.Resumed && !jobs.Repeatable(&earlier, policy) {
			w.fault("I6: step %q of run %s, which may not be repeated, has attempt %d", step.ID(), run.ID, step.Attempt)
		}
	}
}

// DeleteRun notes that runs are missing.
func (w *witness) DeleteRun(ctx context.Context, tenant jobs.TenantID, job jobs.ID, id jobs.RunID) error {
	w.forget()
	return w.Store.DeleteRun(ctx, tenant, job, id)
}

// DeleteRuns notes that runs are missing.
func (w *witness) DeleteRuns(ctx context.Context, tenant jobs.TenantID, job jobs.ID, before time.Time) error {
	w.forget()
	return w.Store.DeleteRuns(ctx, tenant, job, before)
}

// Prune notes that runs are missing.
func (w *witness) Prune(ctx context.Context, now time.Time, keep jobs.Retention, limit int) (int, error) {
	w.forget()
	return w.Store.Prune(ctx, now, keep, limit)
}

func (w *witness) forget() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.removed = true
}

// SetLimits notes the greatest bounds there were.
func (w *witness) SetLimits(ctx context.Context, tenant jobs.TenantID, l jobs.Limits, cluster bool) error {
	err := w.Store.SetLimits(ctx, tenant, l, cluster)
	if err == nil {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.tenants[tenant] = max(w.tenants[tenant], l.TenantConcurrency)
		if cluster {
			w.cluster = max(w.cluster, l.ClusterConcurrency)
		}
	}
	return err
}

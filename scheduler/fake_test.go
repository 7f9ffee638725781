package scheduler_test

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/carillon-go/carillon/jobs"
)

// fakeStore keeps one tenant in memory, without limits of tenant and cluster. It does what the contracts of the roles say as far as
// the engine relies on them, and is there for tests that need a store without a database.
type fakeStore struct {
	jobs.Store // nil: what is not written here is not called

	mu      sync.Mutex // guards the fields below
	jobs    map[jobs.ID]*jobs.Job
	runs    map[jobs.RunID]*jobs.Run
	logs    map[jobs.RunID][]jobs.LogEntry
	workers map[jobs.WorkerID]*jobs.Worker
	limits  jobs.Limits
	watch   map[chan struct{}]jobs.Topic
}

func newFakeStore() *fakeStore {
	return &fakeStore{
		jobs: map[jobs.ID]*jobs.Job{}, runs: map[jobs.RunID]*jobs.Run{}, logs: map[jobs.RunID][]jobs.LogEntry{},
		workers: map[jobs.WorkerID]*jobs.Worker{}, limits: jobs.DefaultLimits(), watch: map[chan struct{}]jobs.Topic{},
	}
}

func (f *fakeStore) Close() error { return nil }

func (f *fakeStore) Watch(topics jobs.Topic, _ jobs.RunID) (<-chan struct{}, func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	c := make(chan struct{}, 1)
	f.watch[c] = topics
	return c, func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		delete(f.watch, c)
	}
}

func (f *fakeStore) wake(topics jobs.Topic) {
	for c, t := range f.watch {
		if t&topics != 0 {
			select {
			case c <- struct{}{}:
			default:
			}
		}
	}
}

func (f *fakeStore) InsertJob(_ context.Context, _ time.Time, j *jobs.Job) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	job := *j
	f.jobs[j.ID] = &job
	f.wake(jobs.TopicPlan)
	return nil
}

func (f *fakeStore) StartRuns(_ context.Context, now time.Time, s jobs.Start) ([]jobs.Run, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	j := f.jobs[s.JobID]
	var out []jobs.Run
	for _, p := range s.Params {
		r := &jobs.Run{
			ID: jobs.NewRunID(), Tenant: s.Tenant, JobID: s.JobID, OwnerID: j.OwnerID, Revision: j.Revision, Status: jobs.RunQueued,
			Trigger: s.Trigger, NotBefore: later(now, s.NotBefore), Params: p, CreatedAt: now, Attempt: 1, Steps: jobs.NewSteps(&j.Definition),
		}
		f.runs[r.ID] = r
		out = append(out, *r)
	}
	f.wake(jobs.TopicQueue)
	return out, nil
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

func (f *fakeStore) CancelRun(_ context.Context, now time.Time, _ jobs.TenantID, id jobs.RunID, _ jobs.PrincipalID) (*jobs.Run, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	r := f.runs[id]
	switch {
	case r.Status.Terminal():
		return nil, jobs.Conflict("the run has ended")
	case r.Status == jobs.RunQueued:
		r.Status, r.EndedAt = jobs.RunCanceled, now
	default:
		r.CancelRequested = true
		f.wake(jobs.TopicWorker)
	}
	run := *r
	return &run, nil
}

func (f *fakeStore) Run(_ context.Context, _ jobs.TenantID, id jobs.RunID) (*jobs.Run, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	r, ok := f.runs[id]
	if !ok {
		return nil, jobs.NotFound("run")
	}
	run := *r
	run.Steps = slices.Clone(r.Steps)
	return &run, nil
}

func (f *fakeStore) Logs(_ context.Context, q jobs.LogQuery) (jobs.Page[jobs.LogEntry], error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	list := slices.Clone(f.logs[q.RunID])
	return jobs.Page[jobs.LogEntry]{Items: list, Total: len(list)}, nil
}

func (f *fakeStore) SetLimits(_ context.Context, _ jobs.TenantID, l jobs.Limits, _ bool) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.limits = l
	f.wake(jobs.TopicWorker)
	return nil
}

func (f *fakeStore) RegisterWorker(_ context.Context, _ time.Time, w jobs.Worker) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.workers[w.ID] = &w
	return nil
}

func (f *fakeStore) Exchange(_ context.Context, r jobs.ExchangeRequest) (*jobs.ExchangeResult, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	w := f.workers[r.Worker]
	if w == nil || !w.Status.Live() || w.Beat != r.Beat-1 {
		return nil, jobs.ErrFenced
	}
	w.Beat, w.HeartbeatAt = r.Beat, r.Now
	res := &jobs.ExchangeResult{Status: w.Status, Concurrency: w.Concurrency, Limits: f.limits}
	for i := range r.Outcomes {
		if !f.record(r, &r.Outcomes[i]) {
			res.Fenced = append(res.Fenced, r.Outcomes[i].RunID)
		}
	}
	if w.Status == jobs.WorkerActive {
		f.claim(r, res)
	}
	for id, run := range f.runs {
		if run.Status == jobs.RunRunning && run.WorkerID == r.Worker && run.CancelRequested {
			res.CancelRequested = append(res.CancelRequested, id)
		}
	}
	return res, nil
}

func (f *fakeStore) record(r jobs.ExchangeRequest, o *jobs.Outcome) bool {
	run := f.runs[o.RunID]
	if run == nil || run.Status != jobs.RunRunning || run.WorkerID != r.Worker || run.Fence != o.Fence {
		return false
	}
	if o.Steps != nil {
		run.Steps = slices.Clone(o.Steps)
		if i := jobs.CurrentStep(run.Steps); o.Starts && run.CancelRequested && i < len(run.Steps) {
			run.Steps[i].State = jobs.StepPending
			run.Steps[i].Attempt--
		}
	}
	run.Seq, run.Warnings = max(run.Seq, o.Seq), run.Warnings || o.Warnings
	f.logs[run.ID] = append(f.logs[run.ID], o.Logs...)
	switch {
	case o.End != nil:
		run.Status, run.Error, run.EndedAt = o.End.Status, o.End.Error, o.End.At
	case o.Requeue != nil:
		run.Status, run.WorkerID, run.NotBefore = jobs.RunQueued, "", o.Requeue.NotBefore
	}
	return true
}

func (f *fakeStore) claim(r jobs.ExchangeRequest, res *jobs.ExchangeResult) {
	var queued []*jobs.Run
	for _, run := range f.runs {
		if run.Status == jobs.RunQueued {
			queued = append(queued, run)
		}
	}
	slices.SortFunc(queued, func(a, b *jobs.Run) int { return a.NotBefore.Compare(b.NotBefore) })
	for _, run := range queued {
		switch {
		case run.NotBefore.After(r.Now):
			if res.NextDue.IsZero() {
				res.NextDue = run.NotBefore
			}
		case len(res.Claimed) == r.Want:
			res.More = true
		default:
			res.Claimed = append(res.Claimed, f.take(r, run))
		}
	}
}

func (f *fakeStore) take(r jobs.ExchangeRequest, run *jobs.Run) jobs.Claim {
	run.Status, run.WorkerID = jobs.RunRunning, r.Worker
	run.Fence++
	if run.StartedAt.IsZero() {
		run.StartedAt = r.Now
	} else {
		run.Attempt++
	}
	resumed := false
	if i := jobs.CurrentStep(run.Steps); i < len(run.Steps) {
		s := &run.Steps[i]
		resumed = s.State == jobs.StepInterrupted
		s.State, s.StartedAt, s.Message = jobs.StepStarted, r.Now, ""
		s.Attempt++
	}
	c := jobs.Claim{Run: *run, Definition: &f.jobs[run.JobID].Definition, Resumed: resumed}
	c.Run.Steps = slices.Clone(run.Steps)
	return c
}

func (f *fakeStore) HeldRuns(_ context.Context, id jobs.WorkerID) (jobs.Worker, []jobs.Claim, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	w := f.workers[id]
	if w == nil {
		return jobs.Worker{}, nil, jobs.NotFound("worker")
	}
	var held []jobs.Claim
	for _, run := range f.runs {
		if run.Status == jobs.RunRunning && run.WorkerID == id {
			c := jobs.Claim{Run: *run, Definition: &f.jobs[run.JobID].Definition}
			c.Run.Steps = slices.Clone(run.Steps)
			held = append(held, c)
		}
	}
	return *w, held, nil
}

func (f *fakeStore) Beats(context.Context) ([]jobs.WorkerBeat, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	var out []jobs.WorkerBeat
	for id, w := range f.workers {
		if w.Status.Live() {
			out = append(out, jobs.WorkerBeat{ID: id, Beat: w.Beat})
		}
	}
	return out, nil
}

func (f *fakeStore) TakeOver(_ context.Context, now time.Time, id jobs.WorkerID, seen int64, reason string) ([]jobs.RunID, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	w := f.workers[id]
	if w == nil || !w.Status.Live() || w.Beat != seen {
		return nil, nil
	}
	w.Status = jobs.WorkerLost
	var out []jobs.RunID
	for _, run := range f.runs {
		if run.Status != jobs.RunRunning || run.WorkerID != id {
			continue
		}
		out = append(out, run.ID)
		run.Losses++
		run.Fence++
		run.WorkerID = ""
		what := jobs.Interrupt(run, &f.jobs[run.JobID].Definition, now, reason)
		run.Steps = what.Steps
		if run.Status, run.NotBefore = jobs.RunQueued, now; !what.Requeue {
			run.Status, run.Error, run.EndedAt = jobs.RunError, what.Error, now
		}
	}
	f.wake(jobs.TopicQueue)
	return out, nil
}

func (f *fakeStore) StopWorker(_ context.Context, now time.Time, id jobs.WorkerID) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	w := f.workers[id]
	for _, run := range f.runs {
		if run.Status == jobs.RunRunning && run.WorkerID == id {
			return jobs.Conflict("the worker holds runs")
		}
	}
	if !w.Status.Live() {
		return jobs.Conflict("the worker is %s", w.Status)
	}
	w.Status, w.StoppedAt = jobs.WorkerStopped, now
	return nil
}

func (f *fakeStore) SteerWorker(_ context.Context, id jobs.WorkerID, status jobs.WorkerStatus, concurrency int) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	w := f.workers[id]
	if status != "" {
		w.Status = status
	}
	if concurrency > 0 {
		w.Concurrency = concurrency
	}
	f.wake(jobs.TopicWorker)
	return nil
}

func (f *fakeStore) Plan(context.Context, time.Time, int) (jobs.PlanResult, error) {
	return jobs.PlanResult{}, nil
}

func (f *fakeStore) NextDue(context.Context) (time.Time, error) { return time.Time{}, nil }

func (f *fakeStore) Prune(context.Context, time.Time, jobs.Retention, int) (int, error) {
	return 0, nil
}

func (f *fakeStore) DeleteJob(_ context.Context, _ time.Time, _ jobs.TenantID, id jobs.ID, _ int64, _ bool) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	for run, r := range f.runs {
		if r.JobID == id {
			delete(f.runs, run)
		}
	}
	return nil
}

package scheduler

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"os"
	"time"

	"github.com/carillon-go/carillon/jobs"
)

// worker is one life of this scheduler's worker, from its registration until it is stopped or lost. All fields belong to the loop.
type worker struct {
	s   *Scheduler
	id  jobs.WorkerID
	out *outbox
	// runs are those that the worker holds as far as it knows.
	runs map[jobs.RunID]*run
	// holding is how many of them have not ended yet.
	holding int

	// What the last exchange told.
	status      jobs.WorkerStatus
	concurrency int
	limits      jobs.Limits
	nextDue     time.Time
	// queued: runs may be waiting that nobody has asked for yet; pollAt is when to look again for some that limits hold back.
	queued bool
	pollAt time.Time

	// beat is the number of the last exchange that was applied, okAt the moment when it was started.
	beat int64
	okAt time.Time
	// sent is the exchange whose answer is not known; nil: there is none.
	sent *batch
	// verify: nothing is sent before the store has told where the worker stands (R3).
	verify bool
	// busy: a call to the store is under way.
	busy    bool
	calls   chan storeCall
	answers chan func()
	// retryAt is when the next call may be made after a failed one.
	retryAt time.Time
	retry   backoff
	// wanted: an exchange has to be made for a reason other than news of runs.
	wanted bool

	base context.Context // that of Run without its end: results are recorded after it
	// lost: others have given the worker up.
	lost bool
	// silent: the worker has stopped its work itself (R6).
	silent bool
	drain  drain
}

// batch is one exchange.
type batch struct {
	request jobs.ExchangeRequest
	runs    []*run // in the order of the outcomes
	started time.Time
}

// register stores a new worker, however long that takes. The error is that of ctx.
func (s *Scheduler) register(ctx context.Context) (*worker, error) {
	now := s.clock.now()
	row := jobs.Worker{
		ID: newWorkerID(s.options.Hostname), Hostname: s.options.Hostname, PID: os.Getpid(), Version: s.options.Version,
		Status: jobs.WorkerActive, Concurrency: s.options.Concurrency,
		JobTypes: driverIDs(s.drivers, jobs.DriverJob), ActionTypes: driverIDs(s.drivers, jobs.DriverAction),
		AttachmentTypes: driverIDs(s.drivers, jobs.DriverAttachment),
		StartedAt:       now, HeartbeatAt: now,
	}
	for again := (backoff{}); ; {
		started := time.Now()
		err := s.store.RegisterWorker(ctx, s.clock.now(), row)
		if err != nil && ctx.Err() == nil {
			// The answer may be lost: the worker is there if it can be read.
			if _, _, readErr := s.store.HeldRuns(ctx, row.ID); readErr == nil {
				err = nil
			}
		}
		if err == nil {
			s.health.storeWorks("worker")
			s.log.Info("worker registered", "worker_id", row.ID, "concurrency", row.Concurrency)
			return newWorker(ctx, s, row, started), nil
		}
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		s.health.storeError("worker", err)
		s.log.Warn("worker cannot be registered, trying again", "worker_id", row.ID, "err", err)
		if !pause(ctx, again.next()) {
			return nil, ctx.Err()
		}
	}
}

func newWorker(ctx context.Context, s *Scheduler, row jobs.Worker, started time.Time) *worker {
	return &worker{
		s: s, id: row.ID, out: newOutbox(), runs: map[jobs.RunID]*run{},
		status: row.Status, concurrency: row.Concurrency, limits: *s.limits.Load(),
		okAt: started, wanted: true, base: context.WithoutCancel(ctx),
		calls: make(chan storeCall, 1), answers: make(chan func(), 1),
		drain: drain{begun: make(chan struct{})},
	}
}

// newWorkerID is unique: after a restored backup no old worker is taken for a new one (R8).
func newWorkerID(hostname string) jobs.WorkerID {
	var random [6]byte
	rand.Read(random[:]) // never fails
	return jobs.WorkerID(fmt.Sprintf("%s-%d-%s", hostname, os.Getpid(), hex.EncodeToString(random[:])))
}

func driverIDs(drivers jobs.Drivers, kind jobs.DriverKind) []string {
	ids := []string{}
	for _, d := range drivers.All(kind) {
		ids = append(ids, d.Info().ID)
	}
	return ids
}

// has tells the store which runs the worker can execute.
func (s *Scheduler) has(kind jobs.DriverKind, id string) bool {
	_, ok := s.drivers.Driver(kind, id)
	return ok
}

// start begins the work on a claimed run.
func (w *worker) start(c *jobs.Claim) {
	r := &run{
		s: w.s, out: w.out, info: c.Run, def: c.Definition, draining: w.drain.begun, answers: make(chan answer, 1),
		journal: journal{steps: c.Run.Steps, seq: c.Run.Seq, warnings: c.Run.Warnings},
	}
	if r.info.Attempt > 1 {
		r.logIndex = r.seq
	}
	if r.info.StartedAt.IsZero() {
		r.info.StartedAt = w.s.clock.now()
	}
	r.ctx, r.stop = context.WithCancelCause(w.base)
	w.runs[r.info.ID] = r
	w.holding++
	if w.drain.started() || w.tooLong() {
		w.giveBack(r)
		return
	}
	w.s.executors.Add(1)
	go r.execute() // exits at the end of ctx; Run waits for executors
}

// giveBack puts a run back that was claimed when the worker must not begin anything more.
func (w *worker) giveBack(r *run) {
	if i := jobs.CurrentStep(r.steps); i < len(r.steps) {
		r.unstart(i)
	}
	if r.info.CancelRequested {
		r.cancel(false)
	} else {
		r.close(nil, &jobs.Requeue{NotBefore: w.s.clock.now()})
	}
	r.exit()
}

// drop forgets a run that was taken away.
func (w *worker) drop(r *run) {
	w.forget(r)
	r.drop(jobs.ErrFenced)
	w.s.health.note(func(h *Health) { h.FenceRefusals++ })
	w.s.log.Warn("run was taken away from the worker", "run_id", r.info.ID, "worker_id", w.id)
}

// forget takes a run off the books.
func (w *worker) forget(r *run) {
	if w.runs[r.info.ID] == r {
		delete(w.runs, r.info.ID)
	}
	w.letGo(r)
}

// letGo frees the slot of a run that has ended; the store is told with the same exchange that fills the slot anew.
func (w *worker) letGo(r *run) {
	if !r.ending {
		r.ending = true
		w.holding--
	}
}

// free is how many more runs the worker may hold.
func (w *worker) free() int {
	if w.status != jobs.WorkerActive || w.drain.started() || w.silent {
		return 0
	}
	return max(w.concurrency-w.holding-int(w.s.occupied.Load()), 0)
}

// tooLong reports whether the last exchange was started so long ago that others may soon take the worker for lost (R6).
func (w *worker) tooLong() bool { return elapsed(w.okAt) >= w.patience() }

// rhythm is the time between two exchanges that nothing else asks for. Where the time-out is short against the heartbeat it is shorter than that: a
// worker whose next exchange is due when its patience ends would stop its work each time.
func (w *worker) rhythm() time.Duration { return min(w.limits.Heartbeat, w.patience()/2) }

func (w *worker) patience() time.Duration { return w.limits.Timeout - w.limits.Heartbeat }

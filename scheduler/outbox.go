package scheduler

import (
	"runtime"
	"slices"
	"sync"
	"time"

	"github.com/carillon-go/carillon/jobs"
)

const (
	// flushTime is the longest that log entries and progress wait for company, and the shortest time between two reports of the
	// progress of one run.
	flushTime = 100 * time.Millisecond
	// logsPerTurn bounds the entries of one run in one exchange, so that a chatty run does not delay the heartbeat. The end of a run
	// takes all that are left.
	logsPerTurn = 1000
)

// outbox gathers what happens to the runs of one life of a worker until the next exchange takes it. Results ask for an exchange at
// once; while one is under way they gather, so that batches grow with the load. Logs and progress wait up to flushTime.
type outbox struct {
	// wake holds one signal: due has changed.
	wake chan struct{}

	mu    sync.Mutex // guards the fields below and the journal of every run
	dirty []*run
	// urgent: a result waits. lazyAt is when what else waits has to go; zero: nothing waits.
	urgent bool
	lazyAt time.Time
}

func newOutbox() *outbox { return &outbox{wake: make(chan struct{}, 1)} }

// answer is what the loop tells an executor that waits for a commit.
type answer int8

// The start of the step is committed; a cancel was committed before it; the run was taken away.
const (
	answerGo answer = iota
	answerCanceled
	answerFenced
)

// journal is what an executor has done and the store does not know yet. It is guarded by the outbox.
type journal struct {
	steps    []jobs.Step
	seq      int64
	warnings bool
	logs     []jobs.LogEntry
	// logIndex is the place of the next entry. Where a run is resumed nobody tells how long its log is; its event number is never
	// less, so that no place is taken twice. logCount and logBytes count what this worker wrote.
	logIndex int64
	logCount int64
	logBytes int64
	logState logState

	dirty      bool // in outbox.dirty
	stepsDirty bool
	starts     bool
	end        *jobs.RunEnd
	requeue    *jobs.Requeue

	// progress waits since stepsDirty was last false; progressAt is when progress was last sent.
	progress   bool
	progressAt time.Time

	// shut: the run has ended for this worker; what its driver still says is not recorded.
	shut bool
	// gone: it was taken away; exited: its executor has ended.
	gone, exited bool
	// waiting: the executor waits for an answer.
	waiting bool
}

// mark notes that a run has news. The caller holds the lock.
func (o *outbox) mark(r *run, urgent bool) {
	if !r.dirty {
		r.dirty = true
		o.dirty = append(o.dirty, r)
	}
	switch {
	case urgent && !o.urgent:
		o.urgent = true
	case !urgent && o.lazyAt.IsZero():
		o.lazyAt = time.Now().Add(flushTime)
	default:
		return
	}
	o.signal()
}

func (o *outbox) signal() {
	select {
	case o.wake <- struct{}{}:
	default: // one signal is enough
	}
}

// due tells when the next exchange has to go because of news; zero: there are none.
func (o *outbox) due() (urgent bool, lazyAt time.Time) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.urgent, o.lazyAt
}

// settle lets executors that are about to report do so first: an exchange costs a sync of the disk, and without this the first of
// many short runs would have one for itself. It yields as long as that brings news, and does not wait.
func (o *outbox) settle() {
	const idleYields, maxYields = 3, 64
	count := func() int {
		o.mu.Lock()
		defer o.mu.Unlock()
		return len(o.dirty)
	}
	for n, idle, seen := 0, 0, count(); n < maxYields && idle < idleYields; n++ {
		runtime.Gosched()
		idle++
		if now := count(); now != seen {
			idle, seen = 0, now
		}
	}
}

// collect takes what waits, one outcome for each run, and the runs in the same order.
func (o *outbox) collect() (outcomes []jobs.Outcome, runs []*run) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.urgent, o.lazyAt = false, time.Time{}
	if len(o.dirty) == 0 {
		return nil, nil
	}
	dirty := o.dirty
	o.dirty = nil
	outcomes, runs = make([]jobs.Outcome, 0, len(dirty)), make([]*run, 0, len(dirty))
	now := time.Now()
	for _, r := range dirty {
		r.dirty = false
		if r.gone {
			continue
		}
		if outcome, some := r.take(now); some {
			outcomes, runs = append(outcomes, outcome), append(runs, r)
		}
		if len(r.logs) > 0 || r.progress {
			o.mark(r, false)
		}
	}
	return outcomes, runs
}

// outcome moves the news of a run into an outcome. The caller of the outbox holds the lock.
func (j *journal) outcome(now time.Time) (out jobs.Outcome, some bool) {
	if j.progress && (j.stepsDirty || now.Sub(j.progressAt) >= flushTime) {
		j.stepsDirty, j.progress, j.progressAt = true, false, now
	}
	n := len(j.logs)
	if j.end == nil && j.requeue == nil {
		n = min(n, logsPerTurn)
	}
	if n == 0 && !j.stepsDirty && j.end == nil && j.requeue == nil {
		return out, false
	}
	out = jobs.Outcome{Starts: j.starts, Seq: j.seq, Warnings: j.warnings, End: j.end, Requeue: j.requeue}
	if j.stepsDirty {
		out.Steps = slices.Clone(j.steps)
	}
	if n > 0 {
		out.Logs = slices.Clip(j.logs[:n])
		j.logs = j.logs[n:]
	}
	if len(j.logs) == 0 {
		j.logs = nil
	}
	j.stepsDirty, j.starts, j.end, j.requeue = false, false, nil, nil
	return out, true
}

func (r *run) take(now time.Time) (jobs.Outcome, bool) {
	out, some := r.outcome(now)
	out.RunID, out.Fence = r.info.ID, r.info.Fence
	return out, some
}

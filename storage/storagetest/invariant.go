package storagetest

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/carillon-go/carillon/jobs"
)

// check looks at all that is stored when the rule has ended (reliability section 15).
func (w *witness) check(ctx context.Context) error {
	w.mu.Lock()
	known := make([]*witnessed, 0, len(w.jobs))
	tenants := map[jobs.TenantID]bool{}
	for _, k := range w.jobs {
		known = append(known, k)
		tenants[k.job.Tenant] = true
	}
	w.mu.Unlock()

	running := 0
	for t := range tenants {
		runs := must(w.Runs(ctx, jobs.RunQuery{Tenant: t}))
		n := w.checkRuns(ctx, t, runs.Items)
		w.within(n, w.tenantBound(t), "tenant "+string(t))
		running += n
	}
	w.within(running, w.cluster, "cluster")
	for _, k := range known {
		if !k.deleted && !k.job.IsDraft() {
			w.checkJob(ctx, k)
		}
	}
	w.checkEnded(ctx)

	w.mu.Lock()
	defer w.mu.Unlock()
	return errors.Join(w.faults...)
}

func (w *witness) tenantBound(t jobs.TenantID) int {
	return max(w.tenants[t], jobs.DefaultLimits().TenantConcurrency)
}

func (w *witness) within(running, most int, what string) {
	if running > most {
		w.note("I2: %d runs are running in the %s, at most %d were ever allowed", running, what, most)
	}
}

func (w *witness) note(format string, args ...any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.fault(format, args...)
}

// checkRuns checks that each run agrees with itself and with its worker, and counts the running ones.
func (w *witness) checkRuns(ctx context.Context, t jobs.TenantID, runs []*jobs.Run) (running int) {
	seen := map[jobs.RunID]bool{}
	for _, r := range runs {
		if seen[r.ID] {
			w.note("run %s is listed twice", r.ID)
		}
		seen[r.ID] = true
		if r.Tenant != t {
			w.note("P9: a run of %q is listed for %q", r.Tenant, t)
		}
		if r.Status.Terminal() == r.EndedAt.IsZero() {
			w.note("run %s is %s and its end is %s", r.ID, r.Status, r.EndedAt)
		}
		if (r.Status == jobs.RunRunning) == (r.WorkerID == "") && !r.Status.Terminal() {
			w.note("I1: run %s is %s and its worker is %q", r.ID, r.Status, r.WorkerID)
		}
		if r.Status != jobs.RunRunning {
			continue
		}
		running++
		if worker, err := w.Worker(ctx, r.WorkerID, t); err != nil || !worker.Status.Live() {
			w.note("I1: run %s is running on worker %q, which is %q (%v)", r.ID, r.WorkerID, worker.Status, err)
		}
		if r.Blocked || r.StartedAt.IsZero() {
			w.note("running run %s: blocked is %t, its start %s", r.ID, r.Blocked, r.StartedAt)
		}
	}
	return running
}

// checkJob checks the live runs and the ledger of a job (I2, I3, I8).
func (w *witness) checkJob(ctx context.Context, k *witnessed) {
	job, err := w.Store.Job(ctx, k.job.Tenant, jobs.JobRef{ID: k.job.ID})
	if err != nil {
		w.note("job %s of the rule: %w", k.job.ID, err)
		return
	}
	runs := must(w.Runs(ctx, jobs.RunQuery{Tenant: job.Tenant, JobID: job.ID})).Items
	open, blocked := 0, 0
	for _, r := range runs {
		switch {
		case r.Status.Terminal():
		case r.Blocked:
			blocked++
		default:
			open++
		}
	}
	if open > k.most {
		w.note("I2: job %s has %d live runs that do not wait, its policy allows %d", job.ID, open, k.most)
	}
	if blocked > 0 && job.Policies.Admissible(open) > 0 {
		w.note("I10: %d runs of job %s wait although only %d are live and the policy would let more go", blocked, job.ID, open)
	}
	w.checkLedger(ctx, k, job, runs)
}

// checkLedger: each due moment is in exactly one line, each run of a fire is a line (I3), and the next fire follows all of them (I8).
func (w *witness) checkLedger(ctx context.Context, k *witnessed, job *jobs.Job, runs []*jobs.Run) {
	lines := must(w.Fires(ctx, jobs.FireQuery{Tenant: job.Tenant, JobID: job.ID, Ascending: true})).Items
	byRun := map[jobs.RunID]*jobs.Run{}
	fired := map[time.Time]jobs.RunID{}
	for _, r := range runs {
		byRun[r.ID] = r
		if r.FireAt.IsZero() {
			continue
		}
		if other, twice := fired[r.FireAt]; twice {
			w.note("I3: runs %s and %s of job %s are of one fire", r.ID, other, job.ID)
		}
		fired[r.FireAt] = r.ID
	}
	var end time.Time
	for i, line := range lines {
		if i > 0 && !line.At.After(end) {
			w.note("I3: the ledger of job %s has %s twice", job.ID, line.At)
		}
		end = line.At
		if line.Until.After(end) {
			end = line.Until
		}
		started := line.Outcome == jobs.FireRan || line.Outcome == jobs.FireWithdrawn && fired[line.At] != ""
		if started && fired[line.At] != line.RunID && !w.removed {
			w.note("I3: the fire %s of job %s names run %q, its run is %q", line.At, job.ID, line.RunID, fired[line.At])
		}
		if started {
			delete(fired, line.At)
		}
		if line.RunID != "" && byRun[line.RunID] == nil && !w.removed {
			w.note("I3: the fire %s of job %s names run %s, which is not there", line.At, job.ID, line.RunID)
		}
	}
	for moment, id := range fired {
		w.note("I3: run %s of the fire %s is not in the ledger of job %s", id, moment, job.ID)
	}
	if !k.rescheduled {
		w.checkCovered(k.job, job, lines)
	}
}

// checkCovered walks the schedule of a job that nobody has changed, from its first fire to its next one.
func (w *witness) checkCovered(before, now *jobs.Job, lines []jobs.Fire) {
	if before.NextRunAt.IsZero() || !now.Enabled {
		return
	}
	s, i, last := before.EffectiveSchedule(), 0, time.Time{}
	for moment, ok := before.NextRunAt, true; ok && (now.NextRunAt.IsZero() || moment.Before(now.NextRunAt)); moment, ok = s.Next(moment) {
		for i < len(lines) && lines[i].At.Before(moment) && lines[i].Until.Before(moment) {
			i++
		}
		if i == len(lines) || lines[i].At.After(moment) {
			if now.NextRunAt.IsZero() && i == len(lines) {
				break // a schedule that has come to its end
			}
			w.note("I3: the fire %s of job %s is in no line of the ledger", moment, now.ID)
			return
		}
		last = moment
	}
	if n := len(lines); n > 0 && !now.NextRunAt.IsZero() && !now.NextRunAt.After(lines[n-1].At) {
		w.note("I8: the next fire of job %s is %s, not later than %s", now.ID, now.NextRunAt, lines[n-1].At)
	}
	if last.IsZero() && len(lines) > 0 {
		w.note("I3: job %s has %d lines, none is due", now.ID, len(lines))
	}
}

// checkEnded reads every run again that was seen after its end (I4).
func (w *witness) checkEnded(ctx context.Context) {
	w.mu.Lock()
	ended := make([]jobs.Run, 0, len(w.ended))
	for _, r := range w.ended {
		ended = append(ended, r)
	}
	w.mu.Unlock()
	for _, r := range ended {
		_, err := w.Run(ctx, r.Tenant, r.ID)
		if err != nil && (!w.removed || !errors.Is(err, jobs.ErrNotFound)) {
			w.note("I4: ended run %s: %w", r.ID, err)
		}
	}
	if len(ended) == 0 {
		return
	}
	page, err := w.Runs(ctx, jobs.RunQuery{Tenant: ended[0].Tenant})
	if err == nil && page.Total != len(page.Items) {
		err = fmt.Errorf("a list without a limit has %d of %d runs", len(page.Items), page.Total)
	}
	if err != nil {
		w.note("list of runs: %w", err)
	}
}

package scheduler_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/carillon-go/carillon/jobs"
)

// checkWriter is I1: who has changed a run was entitled to.
func (v *view) checkWriter(g *gate, before, r *jobs.Run) error {
	onlyFlags := before.Status == r.Status && before.WorkerID == r.WorkerID && before.Fence == r.Fence && stepsOf(before) == stepsOf(r)
	released := before.Status == jobs.RunQueued && r.Status == jobs.RunQueued
	withdrawn := before.Status == jobs.RunQueued && r.Status == jobs.RunCanceled
	ok := released
	switch g.kind {
	case "exchange":
		ok = ok || v.exchanged(g, before, r)
	case "take over":
		ok = ok || before.WorkerID == g.other && (r.Fence > before.Fence || r.Status.Terminal())
	case "plan", "order":
		ok = ok || onlyFlags || withdrawn
	}
	if !ok {
		return fmt.Errorf("I1: %s of %s changed %s from %s (worker %s, fence %d) to %s (worker %s, fence %d)", g.kind, g.node.name, v.names[r.ID],
			before.Status, v.s.workerName(before.WorkerID), before.Fence, r.Status, v.s.workerName(r.WorkerID), r.Fence)
	}
	return nil
}

func (v *view) exchanged(g *gate, before, r *jobs.Run) bool {
	x := g.exchange
	if before.Status == jobs.RunQueued {
		return r.Status == jobs.RunRunning && r.WorkerID == x.Worker && r.Fence == before.Fence+1
	}
	held := before.WorkerID == x.Worker && slices.ContainsFunc(x.Outcomes, func(o jobs.Outcome) bool {
		return o.RunID == r.ID && o.Fence == before.Fence
	})
	// Put back and claimed again in one exchange, the fence has grown.
	return held && (r.Fence == before.Fence || r.Fence == before.Fence+1 && r.WorkerID == x.Worker)
}

// checkSteps is I4, and notes starts after a cancel for I7.
func (v *view) checkSteps(before, r *jobs.Run) error {
	for i := range before.Steps {
		was, is := &before.Steps[i], &r.Steps[i]
		if was.State.Done() && (is.State != was.State || is.Message != was.Message || string(is.Output) != string(was.Output) || !is.EndedAt.Equal(was.EndedAt)) {
			return fmt.Errorf("I4: step %d of %s was %s (%s) and is %s (%s)", i, v.names[r.ID], was.State, was.Message, is.State, is.Message)
		}
		if is.State == jobs.StepStarted && is.Attempt > was.Attempt && before.CancelRequested {
			v.late[fmt.Sprintf("%s %d", stepKey(r.ID, is.ID()), is.Attempt)] = true
		}
	}
	return nil
}

// checkLive is I2.
func (v *view) checkLive(g *gate) error {
	open, running := map[jobs.ID]int{}, map[jobs.TenantID]int{}
	for _, id := range v.liveIDs() {
		r := v.runs[id]
		if !r.Blocked {
			open[r.JobID]++
		}
		if r.Status == jobs.RunRunning {
			running[r.Tenant]++
		}
	}
	for id, n := range open {
		if n > v.jobs[id].most {
			return fmt.Errorf("I2: %s has %d live runs that do not wait, at most %d were ever allowed", v.s.jobName(id), n, v.jobs[id].most)
		}
	}
	if g.result == nil || len(g.result.Claimed) == 0 {
		return nil
	}
	for _, c := range g.result.Claimed {
		if n, most := running[c.Run.Tenant], v.s.operator.limits[c.Run.Tenant].TenantConcurrency; n > most {
			return fmt.Errorf("I2: %d runs of %s are running after a claim, at most %d are allowed", n, c.Run.Tenant, most)
		}
	}
	return nil
}

// takenOver is R5: who is given up was dead, or silent for the time-out.
func (v *view) takenOver(g *gate) error {
	w, ok := v.workers[g.other]
	if !ok || w.lockFree {
		return nil
	}
	silent := time.Since(w.beatAt)
	row, err := v.s.store.Worker(context.Background(), g.other, simTenants[0])
	if err == nil && row.Status == jobs.WorkerLost && silent < jobs.DefaultLimits().Timeout {
		return fmt.Errorf("R5: worker %s was given up %s after its last exchange", v.s.workerName(g.other), silent)
	}
	return nil
}

// arrived checks a driver's call at the moment at which the engine makes it: its start is committed (I5), and no cancel was before (I7).
func (v *view) arrived(a *act) error {
	a.restored = v.restored
	r := v.runs[a.task.RunID]
	if r == nil {
		return fmt.Errorf("I5: an attempt of %s begins on %s, and the run is not live", v.names[a.task.RunID], a.node.name)
	}
	for i := range r.Steps {
		s := &r.Steps[i]
		if s.ID() != a.step {
			continue
		}
		if s.State != jobs.StepStarted || s.Attempt != a.task.Attempt || r.WorkerID != a.node.worker {
			return fmt.Errorf("I5: attempt %d of %s begins on %s, and the step is %s in attempt %d on %s", a.task.Attempt, a.name(v.s), a.node.name,
				s.State, s.Attempt, v.s.workerName(r.WorkerID))
		}
		if v.late[fmt.Sprintf("%s %d", stepKey(r.ID, a.step), s.Attempt)] {
			return fmt.Errorf("I7: %s begins, and the cancel was committed before its start", a.name(v.s))
		}
		return nil
	}
	return fmt.Errorf("I5: %s begins, and the run has no such step", a.name(v.s))
}

// begun checks an attempt against those before it (I6, P6).
func (v *view) begun(a *act) error {
	a.begun = true
	if a.restored != v.restored {
		return nil // an older copy of the store knows nothing of it
	}
	step := stepKey(a.task.RunID, a.step)
	done := v.steps[step]
	if done.begun > 0 && done.key != a.task.Key {
		return fmt.Errorf("I6: the key of %s is %s, and was %s", a.name(v.s), a.task.Key, done.key)
	}
	if other, taken := v.keys[a.task.Key]; taken && other != step {
		return fmt.Errorf("I6: %s has the key of another step", a.name(v.s))
	}
	done.key = a.task.Key
	done.begun++
	v.steps[step], v.keys[a.task.Key] = done, step
	if done.begun > 1 && v.once(a) {
		return fmt.Errorf("I6: %s is the %d. of a step that may not be repeated", a.name(v.s), done.begun)
	}
	now := time.Now()
	v.acts = slices.DeleteFunc(v.acts, func(b *act) bool { return b.ended || b.ctx.Err() != nil || b.node.dead })
	for _, b := range v.acts {
		if b.task.RunID == a.task.RunID && a.ctx.Err() == nil && !b.node.uneasy.After(now) && !a.node.uneasy.After(now) {
			return fmt.Errorf("P6: %s begins on %s while %s still goes on at %s", a.name(v.s), a.node.name, b.name(v.s), b.node.name)
		}
	}
	v.acts = append(v.acts, a)
	return nil
}

// once reports whether a step may have one attempt only.
func (v *view) once(a *act) bool {
	r := v.runs[a.task.RunID]
	if r == nil {
		return false
	}
	d, err := v.s.store.Definition(context.Background(), r.Tenant, r.JobID, r.Revision)
	if err != nil {
		return false
	}
	for i := range r.Steps {
		if s := &r.Steps[i]; s.ID() == a.step {
			p, _ := d.Policy(s)
			return p.MaxRetries == 0 && (p.OnInterrupt == jobs.OnInterruptFail || p.OnInterrupt == jobs.OnInterruptAuto && !s.Idempotent)
		}
	}
	return false
}

// checkAll reads everything again: what ended (I4), what was promised (P1), the ledgers (I3) and the next fires (I8).
func (v *view) checkAll() error {
	ctx := context.Background()
	for _, id := range slices.Sorted(maps.Keys(v.ended)) {
		was := v.ended[id]
		r, err := v.s.store.Run(ctx, was.Tenant, id)
		if err != nil {
			return fmt.Errorf("I4: %s: %w", v.names[id], err)
		}
		if !same(was, r) || r.Error != was.Error || !r.EndedAt.Equal(was.EndedAt) {
			return fmt.Errorf("I4: %s ended as %s (%s) and is %s (%s)", v.names[id], was.Status, stepsOf(was), r.Status, stepsOf(r))
		}
	}
	for id, t := range v.promised {
		if _, err := v.s.store.Run(ctx, t, id); err != nil {
			return fmt.Errorf("P1: a client was told that %s is queued: %w", v.names[id], err)
		}
	}
	for _, id := range v.s.operator.jobs {
		if err := v.checkJob(ctx, id); err != nil {
			return err
		}
	}
	return nil
}

func (v *view) checkJob(ctx context.Context, id jobs.ID) error {
	k := v.jobs[id]
	job, err := v.s.store.Job(ctx, k.tenant, jobs.JobRef{ID: id})
	if err != nil {
		return err
	}
	if due := job.Enabled && job.Schedule.Interval != ""; due == job.NextRunAt.IsZero() {
		return fmt.Errorf("I8: the next fire of %s is %s; enabled is %t, its schedule %q", v.s.jobName(id), job.NextRunAt, job.Enabled, job.Schedule.Interval)
	}
	page, err := v.s.store.Fires(ctx, jobs.FireQuery{Tenant: k.tenant, JobID: id, Ascending: true})
	if err != nil {
		return err
	}
	var end time.Time
	for _, f := range page.Items {
		if !f.At.After(end) {
			return fmt.Errorf("I3: the ledger of %s has %s twice", v.s.jobName(id), f.At)
		}
		end = later(f.At, f.Until)
		if r := v.known(f.RunID); f.Outcome == jobs.FireRan && (r == nil || !r.FireAt.Equal(f.At)) {
			return fmt.Errorf("I3: the fire %s of %s names a run that is not its own", f.At, v.s.jobName(id))
		}
	}
	if k.edited {
		return nil
	}
	if !job.NextRunAt.IsZero() && !job.NextRunAt.After(end) {
		return fmt.Errorf("I8: the next fire of %s is %s, not later than %s", v.s.jobName(id), job.NextRunAt, end)
	}
	return v.checkCovered(k.first, job, page.Items)
}

// checkCovered walks the schedule of a job that nobody has edited, from its first fire to its next one: each has its line (I3).
func (v *view) checkCovered(first, job *jobs.Job, lines []jobs.Fire) error {
	i := 0
	for at, ok := first.NextRunAt, !first.NextRunAt.IsZero(); ok && at.Before(job.NextRunAt); at, ok = job.EffectiveSchedule().Next(at) {
		for i < len(lines) && later(lines[i].At, lines[i].Until).Before(at) {
			i++
		}
		if i == len(lines) || lines[i].At.After(at) {
			return fmt.Errorf("I3: the fire %s of %s is in no line of the ledger", at, v.s.jobName(job.ID))
		}
	}
	return nil
}

func (v *view) known(id jobs.RunID) *jobs.Run {
	if r := v.runs[id]; r != nil {
		return r
	}
	if r := v.ended[id]; r != nil {
		return r
	}
	// It came and went in one transaction.
	for _, t := range simTenants {
		r, err := v.s.store.Run(context.Background(), t, id)
		if err == nil {
			return r
		}
		if !errors.Is(err, jobs.ErrNotFound) {
			v.s.fault(err)
		}
	}
	return nil
}

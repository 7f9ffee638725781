package storagetest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/carillon-go/carillon/jobs"
)

func exchangeRules() []rule {
	return []rule{
		{"a beat must be the stored one plus one, else nothing is written", exchangeBeat},
		{"an unknown worker is fenced", exchangeUnknown},
		{"a lost or stopped worker is fenced", exchangeNotLive},
		{"an exchange moves beat and heartbeat", exchangeHeartbeat},
		{"steps, warnings and number of an outcome are stored", exchangeSteps},
		{"an outcome without steps leaves them as they are", exchangeNoSteps},
		{"the end of a run is stored as told", exchangeEnd},
		{"an ended run is fenced for its worker", exchangeAfterEnd},
		{"an outcome under another fence, worker or of an unknown run is fenced, the others are written", exchangeFenced},
		{"a run that is put back is not claimed before its time", exchangeRequeue},
		{"a run that was put back keeps its recorded steps and goes on behind them", exchangeResume},
		{"many outcomes of one exchange are all written", exchangeMany},
		{"outcomes that were passed in do not change", exchangeNotKept},
		{"after a lost answer the held runs are read back", exchangeHeld},
		{"an exchange whose log is broken writes nothing, and the next one goes on", exchangeBroken},
		{"a large output is kept", exchangeOutput},
	}
}

func exchangeBeat(ctx context.Context, s jobs.Store) error {
	j := givenJob(ctx, s, "stock")
	givenRun(ctx, s, j, t0)
	h := givenWorker(ctx, s, "node-a")
	c := h.take(ctx, s, t0)
	var errs []error
	for _, beat := range []int64{0, 1, 3, 100, -1} {
		_, err := s.Exchange(ctx, jobs.ExchangeRequest{
			Worker: h.id, Beat: beat, Now: at(1), Outcomes: []jobs.Outcome{ends(c, jobs.RunSuccess, at(1))}, Want: 1, Has: h.has,
		})
		errs = append(errs, refused(fmt.Sprintf("beat %d after 1", beat), err, jobs.ErrFenced))
	}
	worker, _, err := s.HeldRuns(ctx, h.id)
	errs = append(errs, err, same("the stored beat", worker.Beat, int64(1)), instant("HeartbeatAt", worker.HeartbeatAt, t0),
		same("the run", must(s.Run(ctx, tenant, c.Run.ID)).Status, jobs.RunRunning))
	h.turn(ctx, s, at(2), 0, ends(c, jobs.RunSuccess, at(2)))
	return errors.Join(append(errs, same("the run", must(s.Run(ctx, tenant, c.Run.ID)).Status, jobs.RunSuccess))...)
}

func exchangeUnknown(ctx context.Context, s jobs.Store) error {
	givenRun(ctx, s, givenJob(ctx, s, "stock"), t0)
	ghost := &hand{id: "ghost", has: func(jobs.DriverKind, string) bool { return true }}
	_, err := ghost.try(ctx, s, t0, 1)
	return refused("Exchange", err, jobs.ErrFenced)
}

func exchangeNotLive(ctx context.Context, s jobs.Store) error {
	givenRun(ctx, s, givenJob(ctx, s, "stock"), t0)
	lost, stopped := givenWorker(ctx, s, "node-a"), givenWorker(ctx, s, "node-b")
	must(s.TakeOver(ctx, at(1), lost.id, 0, "worker lost"))
	done(s.StopWorker(ctx, at(1), stopped.id))
	_, one := lost.try(ctx, s, at(2), 1)
	_, two := stopped.try(ctx, s, at(2), 1)
	return errors.Join(refused("a lost worker", one, jobs.ErrFenced), refused("a stopped worker", two, jobs.ErrFenced),
		same("runs that wait", len(must(s.Runs(ctx, jobs.RunQuery{Tenant: tenant, Statuses: []jobs.RunStatus{jobs.RunQueued}})).Items), 1))
}

func exchangeHeartbeat(ctx context.Context, s jobs.Store) error {
	h := givenWorker(ctx, s, "node-a")
	before := must(s.Worker(ctx, h.id, tenant))
	r := h.turn(ctx, s, at(3), 0)
	h.turn(ctx, s, at(4), 0)
	after := must(s.Worker(ctx, h.id, tenant))
	return errors.Join(same("beat before", before.Beat, int64(0)), same("beat after", after.Beat, int64(2)),
		instant("HeartbeatAt", after.HeartbeatAt, at(4)), same("Status", r.Status, jobs.WorkerActive), same("Concurrency", r.Concurrency, 1000),
		same("Heartbeat", r.Limits.Heartbeat, 15*time.Second), same("Timeout", r.Limits.Timeout, time.Minute))
}

func exchangeSteps(ctx context.Context, s jobs.Store) error {
	givenRun(ctx, s, givenJob(ctx, s, "stock", acting("webhook", "email")), t0)
	h := givenWorker(ctx, s, "node-a")
	c := h.take(ctx, s, t0)
	o := proceeds(c, at(1))
	percent := 12.5
	o.Steps[1].Percent, o.Steps[1].Message, o.Warnings = &percent, "halfway\n“there”", true
	o.Steps[0].StartedAt = at(0).Add(time.Millisecond)
	h.turn(ctx, s, at(1), 0, o)
	got := must(s.Run(ctx, tenant, c.Run.ID))
	return errors.Join(same("Steps", got.Steps, o.Steps), same("Warnings", got.Warnings, true), same("Seq", got.Seq, o.Seq),
		same("Status", got.Status, jobs.RunRunning), instant("UpdatedAt", got.UpdatedAt, at(1)), instant("StartedAt", got.StartedAt, t0))
}

func exchangeNoSteps(ctx context.Context, s jobs.Store) error {
	givenRun(ctx, s, givenJob(ctx, s, "stock", acting("webhook", "email")), t0)
	h := givenWorker(ctx, s, "node-a")
	c := h.take(ctx, s, t0)
	h.turn(ctx, s, at(1), 0, withLog(outcome(c), "first"))
	fresh := must(s.Run(ctx, tenant, c.Run.ID))
	o := proceeds(c, at(1))
	o.Seq = 5
	h.turn(ctx, s, at(1), 0, o)
	h.turn(ctx, s, at(2), 0, jobs.Outcome{RunID: c.Run.ID, Fence: c.Run.Fence, Seq: 7})
	got := must(s.Run(ctx, tenant, c.Run.ID))
	return errors.Join(same("Steps after the first start", fresh.Steps, c.Run.Steps), same("Steps", got.Steps, o.Steps), same("Seq", got.Seq, int64(7)))
}

func exchangeEnd(ctx context.Context, s jobs.Store) error {
	h := givenWorker(ctx, s, "node-a")
	for i, status := range []jobs.RunStatus{jobs.RunSuccess, jobs.RunWarning, jobs.RunError, jobs.RunCanceled} {
		j := givenJob(ctx, s, fmt.Sprint("job-", i), acting("webhook"))
		givenRun(ctx, s, j, at(1))
		c := h.take(ctx, s, at(2))
		o := ends(c, status, at(3).Add(7*time.Millisecond))
		h.turn(ctx, s, at(4), 0, o)
		got := must(s.Run(ctx, tenant, c.Run.ID))
		want := c.Run
		want.Status, want.Steps, want.Seq, want.Warnings = status, o.Steps, o.Seq, o.Warnings
		want.Error, want.EndedAt = o.End.Error, o.End.At
		want.UpdatedAt, want.WorkerID, want.CancelRequested = got.UpdatedAt, got.WorkerID, got.CancelRequested
		if err := errors.Join(same("the run that ended with "+string(status), *got, want), instant("EndedAt", got.EndedAt, o.End.At)); err != nil {
			return err
		}
	}
	return nil
}

func exchangeAfterEnd(ctx context.Context, s jobs.Store) error {
	givenRun(ctx, s, givenJob(ctx, s, "stock"), t0)
	h := givenWorker(ctx, s, "node-a")
	c := h.take(ctx, s, t0)
	h.turn(ctx, s, at(1), 0, ends(c, jobs.RunSuccess, at(1)))
	want := must(s.Run(ctx, tenant, c.Run.ID))
	r := h.turn(ctx, s, at(2), 0, ends(c, jobs.RunError, at(2)))
	return errors.Join(same("Fenced", r.Fenced, []jobs.RunID{c.Run.ID}), same("the run", must(s.Run(ctx, tenant, c.Run.ID)), want))
}

func exchangeFenced(ctx context.Context, s jobs.Store) error {
	j := givenJob(ctx, s, "stock", allowing(9))
	givenRuns(ctx, s, j, t0, 3)
	h, other := givenWorker(ctx, s, "node-a"), givenWorker(ctx, s, "node-b")
	mine := h.claim(ctx, s, t0, 2)
	theirs := other.take(ctx, s, t0)
	wrong := ends(mine[0], jobs.RunError, at(1))
	wrong.Fence++
	unknown := ends(mine[0], jobs.RunError, at(1))
	unknown.RunID = jobs.NewRunID()
	r := h.turn(ctx, s, at(1), 0, wrong, ends(theirs, jobs.RunError, at(1)), unknown, ends(mine[1], jobs.RunSuccess, at(1)))
	fenced := map[jobs.RunID]bool{}
	for _, id := range r.Fenced {
		fenced[id] = true
	}
	status := func(c jobs.Claim) jobs.RunStatus { return must(s.Run(ctx, tenant, c.Run.ID)).Status }
	return errors.Join(same("Fenced", fenced, map[jobs.RunID]bool{wrong.RunID: true, theirs.Run.ID: true, unknown.RunID: true}),
		same("the run under the wrong fence", status(mine[0]), jobs.RunRunning), same("the run of another", status(theirs), jobs.RunRunning),
		same("the run that was held", status(mine[1]), jobs.RunSuccess))
}

func exchangeRequeue(ctx context.Context, s jobs.Store) error {
	givenRun(ctx, s, givenJob(ctx, s, "stock", idempotent), t0)
	h := givenWorker(ctx, s, "node-a")
	c := h.take(ctx, s, t0)
	o := outcome(c)
	o.Requeue = &jobs.Requeue{NotBefore: at(10)}
	r := h.turn(ctx, s, at(1), 1, o)
	got := must(s.Run(ctx, tenant, c.Run.ID))
	early := h.turn(ctx, s, at(10).Add(-time.Millisecond), 1)
	inTime := h.take(ctx, s, at(10))
	return errors.Join(same("claimed at once", len(r.Claimed), 0), same("NextDue", r.NextDue, at(10)), same("Status", got.Status, jobs.RunQueued),
		same("WorkerID", got.WorkerID, jobs.WorkerID("")), instant("NotBefore", got.NotBefore, at(10)), instant("StartedAt", got.StartedAt, t0),
		same("claimed too early", len(early.Claimed), 0), holds(inTime.Run.Fence > c.Run.Fence, "the fence went from %d to %d", c.Run.Fence, inTime.Run.Fence),
		instant("StartedAt of the second claim", inTime.Run.StartedAt, t0), same("losses", inTime.Run.Losses, 0))
}

func exchangeResume(ctx context.Context, s jobs.Store) error {
	givenRun(ctx, s, givenJob(ctx, s, "stock", acting("webhook", "email"), idempotent), t0)
	h := givenWorker(ctx, s, "node-a")
	c := h.take(ctx, s, t0)
	o := proceeds(c, at(1))
	o.Starts = false
	o.Steps[1].State, o.Steps[1].Message = jobs.StepInterrupted, "shutdown"
	o.Requeue = &jobs.Requeue{NotBefore: at(1)}
	h.turn(ctx, s, at(1), 0, o)
	again := h.take(ctx, s, at(2))
	step := again.Run.Steps[1]
	return errors.Join(same("the recorded step", again.Run.Steps[0], o.Steps[0]), same("the current step", step.State, jobs.StepStarted),
		same("its attempt", step.Attempt, 2), same("Resumed", again.Resumed, true),
		same("the step to come", again.Run.Steps[2].State, jobs.StepPending),
		same("the stored run", *must(s.Run(ctx, tenant, c.Run.ID)), again.Run))
}

func exchangeMany(ctx context.Context, s jobs.Store) error {
	done(s.SetLimits(ctx, tenant, wide(), true))
	j := givenJob(ctx, s, "stock", allowing(1000))
	givenRuns(ctx, s, j, t0, 300)
	h := givenWorker(ctx, s, "node-a")
	var outcomes []jobs.Outcome
	for _, c := range h.claim(ctx, s, t0, 300) {
		outcomes = append(outcomes, withLog(ends(c, jobs.RunSuccess, at(1)), "one", "two"))
	}
	r := h.turn(ctx, s, at(1), 1, outcomes...)
	page := must(s.Runs(ctx, jobs.RunQuery{Tenant: tenant, Statuses: []jobs.RunStatus{jobs.RunSuccess}, Limit: 1}))
	return errors.Join(same("Fenced", len(r.Fenced), 0), same("ended runs", page.Total, 300))
}

func exchangeNotKept(ctx context.Context, s jobs.Store) error {
	givenRun(ctx, s, givenJob(ctx, s, "stock", acting("webhook")), t0)
	h := givenWorker(ctx, s, "node-a")
	c := h.take(ctx, s, t0)
	o, want := withLog(proceeds(c, at(1)), "hello"), withLog(proceeds(c, at(1)), "hello")
	o.Logs[0].Data, want.Logs[0].Data = json.RawMessage(`{"a":1}`), json.RawMessage(`{"a":1}`)
	h.turn(ctx, s, at(1), 0, o)
	unchanged := same("the outcome that was passed in", o, want)
	o.Steps[0].Output[2], o.Steps[1].State, o.Logs[0].Data[2] = 'X', jobs.StepError, 'X'
	page := must(s.Logs(ctx, jobs.LogQuery{Tenant: tenant, RunID: c.Run.ID}))
	return errors.Join(unchanged, same("stored steps", must(s.Run(ctx, tenant, c.Run.ID)).Steps, want.Steps),
		same("stored data", page.Items[0].Data, want.Logs[0].Data))
}

func exchangeHeld(ctx context.Context, s jobs.Store) error {
	j := givenJob(ctx, s, "stock", allowing(9), acting("webhook"))
	givenRuns(ctx, s, j, t0, 3)
	h, other := givenWorker(ctx, s, "node-a"), givenWorker(ctx, s, "node-b")
	claims := h.claim(ctx, s, t0, 2)
	other.take(ctx, s, t0)
	h.turn(ctx, s, at(1), 0, proceeds(claims[0], at(1)))
	worker, held, err := s.HeldRuns(ctx, h.id)
	done(err)
	_, _, unknown := s.HeldRuns(ctx, "ghost")
	byID := map[jobs.RunID]jobs.Run{}
	for _, c := range held {
		byID[c.Run.ID] = c.Run
		if err := same("the definition", *c.Definition, j.Definition); err != nil {
			return err
		}
	}
	want := map[jobs.RunID]jobs.Run{}
	for _, c := range claims {
		want[c.Run.ID] = *must(s.Run(ctx, tenant, c.Run.ID))
	}
	return errors.Join(same("held runs", byID, want), same("beat", worker.Beat, h.beat), same("status", worker.Status, jobs.WorkerActive),
		refused("HeldRuns of an unknown worker", unknown, jobs.ErrNotFound))
}

func exchangeBroken(ctx context.Context, s jobs.Store) error {
	j := givenJob(ctx, s, "stock", allowing(9))
	givenRuns(ctx, s, j, t0, 2)
	h := givenWorker(ctx, s, "node-a")
	claims := h.claim(ctx, s, t0, 2)
	broken := withLog(ends(claims[1], jobs.RunSuccess, at(1)), "one", "two")
	broken.Logs[1].Index = 0 // the same place twice
	_, err := h.try(ctx, s, at(1), 0, ends(claims[0], jobs.RunSuccess, at(1)), broken)
	if err == nil {
		return nil // a store may take one of the two
	}
	for _, c := range claims {
		got := must(s.Run(ctx, tenant, c.Run.ID))
		if err := same("the run after the broken exchange", *got, c.Run); err != nil {
			return err
		}
	}
	h.turn(ctx, s, at(2), 0, ends(claims[0], jobs.RunSuccess, at(2)), withLog(ends(claims[1], jobs.RunSuccess, at(2)), "one"))
	return same("ended runs", must(s.Runs(ctx, jobs.RunQuery{Tenant: tenant, Statuses: []jobs.RunStatus{jobs.RunSuccess}})).Total, 2)
}

func exchangeOutput(ctx context.Context, s jobs.Store) error {
	givenRun(ctx, s, givenJob(ctx, s, "stock"), t0)
	h := givenWorker(ctx, s, "node-a")
	o := ends(h.take(ctx, s, t0), jobs.RunSuccess, at(1))
	large := make([]byte, jobs.MaxStepOutput)
	for i := range large {
		large[i] = 'x'
	}
	large[0], large[len(large)-1] = '"', '"'
	o.Steps[0].Output = large
	h.turn(ctx, s, at(1), 0, o)
	return same("length of the output", len(must(s.Run(ctx, tenant, o.RunID)).Steps[0].Output), len(large))
}

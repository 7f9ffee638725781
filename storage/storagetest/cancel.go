package storagetest

import (
	"context"
	"errors"
	"time"

	"github.com/carillon-go/carillon/jobs"
)

func cancelRules() []rule {
	return []rule{
		{"a queued run is canceled at once", cancelQueued},
		{"a running run is marked, and its worker told in every exchange until its end", cancelRunning},
		{"a cancel of a running run is harmless to repeat", cancelTwice},
		{"an ended run is a conflict and does not change", cancelEnded},
		{"an unknown run, or one of another tenant, is not found", cancelUnknown},
		{"a step that starts while a cancel is requested is stored as pending", cancelBeforeStep},
		{"a step that starts without a cancel is stored as started", cancelNotAsked},
		{"a result that came before the cancel stays", cancelTooLate},
		{"a cancel of a queued run lets the waiting one go", cancelLetsGo},
		{"a waiting run is canceled without letting others overtake", cancelWaiting},
		{"a canceled run that is given back is not started again", cancelRequeue},
		{"a canceled run whose worker is lost is not started again", cancelTakeover},
		{"a cancel and a claim at once: the run is canceled or told", cancelRace},
	}
}

func cancelQueued(ctx context.Context, s jobs.Store) error {
	j := givenJob(ctx, s, "stock")
	r := givenRun(ctx, s, j, t0)
	got := must(s.CancelRun(ctx, at(1), tenant, r.ID, clerk))
	stored := must(s.Run(ctx, tenant, r.ID))
	claims := givenWorker(ctx, s, "node-a").turn(ctx, s, at(2), 5).Claimed
	return errors.Join(same("the stored run", stored, got), same("its status", got.Status, jobs.RunCanceled), instant("its end", got.EndedAt, at(1)),
		same("its start", got.StartedAt, time.Time{}), same("claimed", len(claims), 0))
}

func cancelRunning(ctx context.Context, s jobs.Store) error {
	j := givenJob(ctx, s, "stock")
	givenRun(ctx, s, j, t0)
	h, bystander := givenWorker(ctx, s, "node-a"), givenWorker(ctx, s, "node-b")
	c := h.take(ctx, s, t0)
	before := h.turn(ctx, s, t0, 0)
	got := must(s.CancelRun(ctx, at(1), tenant, c.Run.ID, clerk))
	first, second := h.turn(ctx, s, at(2), 0), h.turn(ctx, s, at(3), 0)
	other := bystander.turn(ctx, s, at(3), 0)
	h.turn(ctx, s, at(4), 0, ends(c, jobs.RunCanceled, at(4)))
	after := h.turn(ctx, s, at(5), 0)
	told := []jobs.RunID{c.Run.ID}
	return errors.Join(same("the run after the cancel", got.Status, jobs.RunRunning), holds(got.CancelRequested, "CancelRequested is false"),
		same("told before", before.CancelRequested, []jobs.RunID{}), same("told first", first.CancelRequested, told), same("told again", second.CancelRequested, told),
		same("told to another worker", other.CancelRequested, []jobs.RunID{}), same("told after the end", after.CancelRequested, []jobs.RunID{}),
		same("the end", must(s.Run(ctx, tenant, c.Run.ID)).Status, jobs.RunCanceled))
}

func cancelTwice(ctx context.Context, s jobs.Store) error {
	j := givenJob(ctx, s, "stock")
	givenRun(ctx, s, j, t0)
	c := givenWorker(ctx, s, "node-a").take(ctx, s, t0)
	must(s.CancelRun(ctx, at(1), tenant, c.Run.ID, clerk))
	again, err := s.CancelRun(ctx, at(2), tenant, c.Run.ID, owner)
	if err != nil {
		return err
	}
	return holds(again.CancelRequested && again.Status == jobs.RunRunning, "the run is %s, cancel requested %t", again.Status, again.CancelRequested)
}

func cancelEnded(ctx context.Context, s jobs.Store) error {
	j := givenJob(ctx, s, "stock")
	r := givenEnded(ctx, s, givenWorker(ctx, s, "node-a"), j, t0, jobs.RunSuccess)
	_, err := s.CancelRun(ctx, at(1), tenant, r.ID, clerk)
	queued := givenRun(ctx, s, j, at(2))
	must(s.CancelRun(ctx, at(3), tenant, queued.ID, clerk))
	_, twice := s.CancelRun(ctx, at(4), tenant, queued.ID, clerk)
	return errors.Join(conflict("CancelRun", err, "", ""), conflict("CancelRun of a canceled run", twice, "", ""),
		same("the run", *must(s.Run(ctx, tenant, r.ID)), r))
}

func cancelUnknown(ctx context.Context, s jobs.Store) error {
	r := givenRun(ctx, s, givenJob(ctx, s, "stock"), t0)
	_, unknown := s.CancelRun(ctx, t0, tenant, jobs.NewRunID(), clerk)
	_, other := s.CancelRun(ctx, t0, foreign, r.ID, clerk)
	return errors.Join(refused("an unknown run", unknown, jobs.ErrNotFound), refused("a run of another tenant", other, jobs.ErrNotFound),
		same("the run", must(s.Run(ctx, tenant, r.ID)).Status, jobs.RunQueued))
}

func cancelBeforeStep(ctx context.Context, s jobs.Store) error {
	j := givenJob(ctx, s, "stock", acting("webhook", "email"))
	givenRun(ctx, s, j, t0)
	h := givenWorker(ctx, s, "node-a")
	c := h.take(ctx, s, t0)
	must(s.CancelRun(ctx, at(1), tenant, c.Run.ID, clerk))
	o := proceeds(c, at(2))
	asked := o.Steps[1].State
	r := h.turn(ctx, s, at(2), 0, o)
	got := must(s.Run(ctx, tenant, c.Run.ID))
	return errors.Join(same("the result that was recorded", got.Steps[0], o.Steps[0]), same("the step that was to start", got.Steps[1].State, jobs.StepPending),
		same("CancelRequested", r.CancelRequested, []jobs.RunID{c.Run.ID}), same("the steps that were passed in", o.Steps[1].State, asked))
}

func cancelNotAsked(ctx context.Context, s jobs.Store) error {
	j := givenJob(ctx, s, "stock", acting("webhook", "email"))
	givenRun(ctx, s, j, t0)
	h := givenWorker(ctx, s, "node-a")
	c := h.take(ctx, s, t0)
	o := proceeds(c, at(1))
	h.turn(ctx, s, at(1), 0, o)
	return same("the steps", must(s.Run(ctx, tenant, c.Run.ID)).Steps, o.Steps)
}

func cancelTooLate(ctx context.Context, s jobs.Store) error {
	j := givenJob(ctx, s, "stock")
	givenRun(ctx, s, j, t0)
	h := givenWorker(ctx, s, "node-a")
	c := h.take(ctx, s, t0)
	must(s.CancelRun(ctx, at(1), tenant, c.Run.ID, clerk))
	h.turn(ctx, s, at(2), 0, ends(c, jobs.RunSuccess, at(2)))
	return same("the end", must(s.Run(ctx, tenant, c.Run.ID)).Status, jobs.RunSuccess)
}

func cancelLetsGo(ctx context.Context, s jobs.Store) error {
	j := givenJob(ctx, s, "stock", overlap(jobs.OverlapQueue))
	first, second := givenRun(ctx, s, j, t0), givenRun(ctx, s, j, at(1))
	must(s.CancelRun(ctx, at(2), tenant, first.ID, clerk))
	claims := givenWorker(ctx, s, "node-a").turn(ctx, s, at(3), 5).Claimed
	return same("claimed", claimIDs(claims), []jobs.RunID{second.ID})
}

func cancelWaiting(ctx context.Context, s jobs.Store) error {
	j := givenJob(ctx, s, "stock", allowing(1))
	runs := givenRuns(ctx, s, j, t0, 3)
	must(s.CancelRun(ctx, at(1), tenant, runs[1].ID, clerk))
	h := givenWorker(ctx, s, "node-a")
	claims := h.turn(ctx, s, at(2), 5).Claimed
	if err := same("claimed first", claimIDs(claims), ids(runs[:1])); err != nil {
		return err
	}
	next := h.turn(ctx, s, at(3), 5, ends(claims[0], jobs.RunSuccess, at(3))).Claimed
	return same("claimed next", claimIDs(next), ids(runs[2:]))
}

// notStarted is nil if a run whose cancel was answered is over, or is handed out without a started step.
func notStarted(ctx context.Context, s jobs.Store, h *hand, id jobs.RunID, minute int) error {
	for _, c := range h.turn(ctx, s, at(minute), 5).Claimed {
		i := jobs.CurrentStep(c.Run.Steps)
		if c.Run.ID == id && i < len(c.Run.Steps) && c.Run.Steps[i].State == jobs.StepStarted {
			return holds(false, "step %q was started after the cancel (I7)", c.Run.Steps[i].ID())
		}
		if err := holds(c.Run.CancelRequested, "the claim does not say that the run is to be canceled"); err != nil {
			return err
		}
		h.turn(ctx, s, at(minute), 0, ends(c, jobs.RunCanceled, at(minute)))
	}
	return same("the end", must(s.Run(ctx, tenant, id)).Status, jobs.RunCanceled)
}

func cancelRequeue(ctx context.Context, s jobs.Store) error {
	j := givenJob(ctx, s, "stock", idempotent)
	givenRun(ctx, s, j, t0)
	h := givenWorker(ctx, s, "node-a")
	c := h.take(ctx, s, t0)
	must(s.CancelRun(ctx, at(1), tenant, c.Run.ID, clerk))
	o := outcome(c)
	o.Steps = append([]jobs.Step(nil), c.Run.Steps...)
	o.Steps[0].State = jobs.StepInterrupted
	o.Requeue = &jobs.Requeue{NotBefore: at(2)}
	h.turn(ctx, s, at(2), 0, o)
	return notStarted(ctx, s, h, c.Run.ID, 3)
}

func cancelTakeover(ctx context.Context, s jobs.Store) error {
	j := givenJob(ctx, s, "stock", idempotent)
	givenRun(ctx, s, j, t0)
	h, heir := givenWorker(ctx, s, "node-a"), givenWorker(ctx, s, "node-b")
	c := h.take(ctx, s, t0)
	must(s.CancelRun(ctx, at(1), tenant, c.Run.ID, clerk))
	must(s.TakeOver(ctx, at(2), h.id, h.beat, "worker lost: no heartbeat for 60 s"))
	return notStarted(ctx, s, heir, c.Run.ID, 3)
}

func cancelRace(ctx context.Context, s jobs.Store) error {
	j := givenJob(ctx, s, "stock", allowing(100))
	runs := givenRuns(ctx, s, j, t0, 20)
	done(s.SetLimits(ctx, tenant, wide(), true))
	h := givenWorker(ctx, s, "node-a")
	claimed := map[jobs.RunID]bool{}
	errs := together(len(runs)+1, func(i int) error {
		if i < len(runs) {
			_, err := s.CancelRun(ctx, at(1), tenant, runs[i].ID, clerk)
			return err
		}
		for range len(runs) {
			r, err := h.try(ctx, s, at(1), 1)
			if err != nil {
				return err
			}
			for _, c := range r.Claimed {
				claimed[c.Run.ID] = true
			}
		}
		return nil
	})
	told := map[jobs.RunID]bool{}
	for _, id := range h.turn(ctx, s, at(2), 0).CancelRequested {
		told[id] = true
	}
	for _, r := range runs {
		got := must(s.Run(ctx, tenant, r.ID))
		if claimed[r.ID] != (got.Status == jobs.RunRunning) || claimed[r.ID] != told[r.ID] {
			errs = append(errs, holds(false, "run %s is %s; claimed %t, told %t", r.ID, got.Status, claimed[r.ID], told[r.ID]))
		}
	}
	return errors.Join(errs...)
}

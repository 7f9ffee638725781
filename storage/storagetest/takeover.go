package storagetest

import (
	"context"
	"errors"
	"fmt"

	"github.com/carillon-go/carillon/jobs"
)

func takeoverRules() []rule {
	return []rule{
		{"a worker whose beat has moved is not taken over", takeoverLives},
		{"a lost worker is marked, once", takeoverMarks},
		{"a run at a repeatable step goes back to queued, and on at that step", takeoverRequeues},
		{"a run at a step that may not be repeated ends with error and names it", takeoverEnds},
		{"a run at a step with tries left goes on, without tries it ends", takeoverTries},
		{"the policy of a step stands over what its driver says", takeoverPolicies},
		{"a step that was stored as pending goes on", takeoverPending},
		{"a run with all results goes on to its end", takeoverAllDone},
		{"a run that is lost too often ends", takeoverLosses},
		{"the former holder is fenced", takeoverFences},
		{"an end by takeover lets the waiting run go", takeoverLetsGo},
		{"every run of the worker gets a log entry", takeoverLogs},
		{"an unknown worker has no runs to take over", takeoverUnknown},
		{"of many observers one takes over", takeoverRace},
		{"runs of other workers are not touched", takeoverOthers},
	}
}

const lostReason = "worker lost: no heartbeat for 60 s"

// loses takes the worker over and gives the runs that were touched.
func loses(ctx context.Context, s jobs.Store, h *hand, minute int) []jobs.RunID {
	return must(s.TakeOver(ctx, at(minute), h.id, h.beat, lostReason))
}

func takeoverLives(ctx context.Context, s jobs.Store) error {
	givenRun(ctx, s, givenJob(ctx, s, "stock"), t0)
	h := givenWorker(ctx, s, "node-a")
	c := h.take(ctx, s, t0)
	touched := must(s.TakeOver(ctx, at(1), h.id, h.beat-1, lostReason))
	h.turn(ctx, s, at(2), 0, ends(c, jobs.RunSuccess, at(2)))
	return errors.Join(same("runs", len(touched), 0), same("the run", must(s.Run(ctx, tenant, c.Run.ID)).Status, jobs.RunSuccess),
		same("the worker", must(s.Worker(ctx, h.id, tenant)).Status, jobs.WorkerActive))
}

func takeoverMarks(ctx context.Context, s jobs.Store) error {
	givenRun(ctx, s, givenJob(ctx, s, "stock", idempotent), t0)
	h := givenWorker(ctx, s, "node-a")
	h.take(ctx, s, t0)
	first, second := loses(ctx, s, h, 1), loses(ctx, s, h, 2)
	w := must(s.Worker(ctx, h.id, tenant))
	return errors.Join(same("runs of the first", len(first), 1), same("runs of the second", len(second), 0), same("Status", w.Status, jobs.WorkerLost),
		same("Running", w.Running, 0), same("beats", len(must(s.Beats(ctx))), 0))
}

func takeoverRequeues(ctx context.Context, s jobs.Store) error {
	j := givenJob(ctx, s, "stock", acting("webhook", "email"), idempotent)
	givenRun(ctx, s, j, t0)
	h, heir := givenWorker(ctx, s, "node-a"), givenWorker(ctx, s, "node-b")
	c := h.take(ctx, s, t0)
	o := proceeds(c, at(1))
	h.turn(ctx, s, at(1), 0, o)
	held := *must(s.Run(ctx, tenant, c.Run.ID))
	held.Losses++
	want := jobs.Interrupt(&held, &j.Definition, at(2), lostReason)
	touched := loses(ctx, s, h, 2)
	queued := must(s.Run(ctx, tenant, c.Run.ID))
	again := heir.take(ctx, s, at(3))
	step := again.Run.Steps[1]
	return errors.Join(same("runs", touched, []jobs.RunID{c.Run.ID}), same("Status", queued.Status, jobs.RunQueued), same("Losses", queued.Losses, 1),
		same("WorkerID", queued.WorkerID, jobs.WorkerID("")), same("Steps", stepStates(queued.Steps), stepStates(want.Steps)),
		holds(queued.Fence > c.Run.Fence, "the fence stayed %d", queued.Fence), same("Resumed", again.Resumed, true),
		same("the recorded step", again.Run.Steps[0], o.Steps[0]), same("the current step", step.State, jobs.StepStarted), same("its attempt", step.Attempt, 2),
		same("Attempt of the run", again.Run.Attempt, 2), same("StartedAt", again.Run.StartedAt, t0))
}

func stepStates(steps []jobs.Step) string {
	list := make([]string, len(steps))
	for i := range steps {
		list[i] = fmt.Sprint(steps[i].State, " ", steps[i].Attempt)
	}
	return fmt.Sprint(list)
}

func takeoverEnds(ctx context.Context, s jobs.Store) error {
	j := givenJob(ctx, s, "stock", acting("webhook", "email"))
	givenRun(ctx, s, j, t0)
	h := givenWorker(ctx, s, "node-a")
	c := h.take(ctx, s, t0)
	h.turn(ctx, s, at(1), 0, proceeds(c, at(1)))
	held := *must(s.Run(ctx, tenant, c.Run.ID))
	held.Losses++
	want := jobs.Interrupt(&held, &j.Definition, at(2), lostReason)
	touched := loses(ctx, s, h, 2)
	got := must(s.Run(ctx, tenant, c.Run.ID))
	last := readJob(ctx, s, j).LastRun
	return errors.Join(same("runs", touched, []jobs.RunID{c.Run.ID}), same("Status", got.Status, jobs.RunError), same("Error", got.Error, want.Error),
		instant("EndedAt", got.EndedAt, at(2)), same("Steps", stepStates(got.Steps), stepStates(want.Steps)), same("Losses", got.Losses, 1),
		same("LockedAt", readJob(ctx, s, j).LockedAt.IsZero(), true), holds(last != nil && last.ID == got.ID, "LastRun is %v", last))
}

func takeoverTries(ctx context.Context, s jobs.Store) error {
	givenRun(ctx, s, givenJob(ctx, s, "stock", func(j *jobs.Job) { j.Policies.Driver.MaxRetries = 1 }), t0)
	first, second := givenWorker(ctx, s, "node-a"), givenWorker(ctx, s, "node-b")
	c := first.take(ctx, s, t0)
	loses(ctx, s, first, 1)
	once := must(s.Run(ctx, tenant, c.Run.ID)).Status
	second.take(ctx, s, at(2))
	loses(ctx, s, second, 3)
	return errors.Join(same("after the first loss", once, jobs.RunQueued), same("after the second loss", must(s.Run(ctx, tenant, c.Run.ID)).Status, jobs.RunError))
}

func takeoverPolicies(ctx context.Context, s jobs.Store) error {
	never := givenRun(ctx, s, givenJob(ctx, s, "never", idempotent, func(j *jobs.Job) { j.Policies.Driver.OnInterrupt = jobs.OnInterruptFail }), t0)
	always := givenRun(ctx, s, givenJob(ctx, s, "always", func(j *jobs.Job) { j.Policies.Driver.OnInterrupt = jobs.OnInterruptRetry }), t0)
	h := givenWorker(ctx, s, "node-a")
	h.claim(ctx, s, t0, 2)
	loses(ctx, s, h, 1)
	return errors.Join(same("the run that may not be repeated", must(s.Run(ctx, tenant, never.ID)).Status, jobs.RunError),
		same("the run that may", must(s.Run(ctx, tenant, always.ID)).Status, jobs.RunQueued))
}

func takeoverPending(ctx context.Context, s jobs.Store) error {
	givenRun(ctx, s, givenJob(ctx, s, "stock", acting("webhook")), t0)
	h, heir := givenWorker(ctx, s, "node-a"), givenWorker(ctx, s, "node-b")
	o := proceeds(h.take(ctx, s, t0), at(1))
	o.Starts, o.Steps[1].State, o.Steps[1].Attempt = false, jobs.StepPending, 0
	h.turn(ctx, s, at(1), 0, o)
	loses(ctx, s, h, 2)
	again := heir.take(ctx, s, at(3))
	return errors.Join(same("Steps", stepStates(again.Run.Steps), "[success 1 started 1]"), same("Resumed", again.Resumed, false))
}

func takeoverAllDone(ctx context.Context, s jobs.Store) error {
	givenRun(ctx, s, givenJob(ctx, s, "stock"), t0)
	h, heir := givenWorker(ctx, s, "node-a"), givenWorker(ctx, s, "node-b")
	o := proceeds(h.take(ctx, s, t0), at(1))
	h.turn(ctx, s, at(1), 0, o)
	loses(ctx, s, h, 2)
	again := heir.take(ctx, s, at(3))
	return same("Steps", again.Run.Steps, o.Steps)
}

func takeoverLosses(ctx context.Context, s jobs.Store) error {
	r := givenRun(ctx, s, givenJob(ctx, s, "stock", idempotent), t0)
	for i := range jobs.MaxLosses {
		if err := same(fmt.Sprint("status before loss ", i+1), must(s.Run(ctx, tenant, r.ID)).Status, jobs.RunQueued); err != nil {
			return err
		}
		h := givenWorker(ctx, s, "node-a")
		h.take(ctx, s, at(2*i))
		loses(ctx, s, h, 2*i+1)
	}
	got := must(s.Run(ctx, tenant, r.ID))
	return errors.Join(same("status after all losses", got.Status, jobs.RunError), same("Losses", got.Losses, jobs.MaxLosses))
}

func takeoverFences(ctx context.Context, s jobs.Store) error {
	givenRun(ctx, s, givenJob(ctx, s, "stock", idempotent), t0)
	h, heir := givenWorker(ctx, s, "node-a"), givenWorker(ctx, s, "node-b")
	c := h.take(ctx, s, t0)
	loses(ctx, s, h, 1)
	_, late := h.try(ctx, s, at(2), 1, ends(c, jobs.RunSuccess, at(2)))
	again := heir.take(ctx, s, at(3))
	_, later := h.try(ctx, s, at(4), 1, ends(c, jobs.RunSuccess, at(4)))
	stale := heir.turn(ctx, s, at(4), 0, ends(c, jobs.RunSuccess, at(4)))
	return errors.Join(refused("a late exchange", late, jobs.ErrFenced), refused("a later exchange", later, jobs.ErrFenced),
		same("Fenced of the old fence", stale.Fenced, []jobs.RunID{c.Run.ID}), same("the run", *must(s.Run(ctx, tenant, c.Run.ID)), again.Run))
}

func takeoverLetsGo(ctx context.Context, s jobs.Store) error {
	j := givenJob(ctx, s, "stock", overlap(jobs.OverlapQueue))
	givenRun(ctx, s, j, t0)
	h, heir := givenWorker(ctx, s, "node-a"), givenWorker(ctx, s, "node-b")
	h.take(ctx, s, t0)
	second := givenRun(ctx, s, j, at(1))
	loses(ctx, s, h, 2)
	return same("claimed", claimIDs(heir.turn(ctx, s, at(3), 5).Claimed), []jobs.RunID{second.ID})
}

func takeoverLogs(ctx context.Context, s jobs.Store) error {
	again, never := givenJob(ctx, s, "again", idempotent), givenJob(ctx, s, "never")
	givenRun(ctx, s, again, t0)
	givenRun(ctx, s, never, t0)
	h, heir := givenWorker(ctx, s, "node-a"), givenWorker(ctx, s, "node-b")
	claims := h.claim(ctx, s, t0, 2)
	h.turn(ctx, s, at(1), 0, withLog(outcome(claims[0]), "one"), withLog(outcome(claims[1]), "one"))
	loses(ctx, s, h, 2)
	for _, c := range claims {
		page := must(s.Logs(ctx, jobs.LogQuery{Tenant: tenant, RunID: c.Run.ID}))
		if err := same("entries", page.Total, 2); err != nil {
			return err
		}
		e, r := page.Items[1], must(s.Run(ctx, tenant, c.Run.ID))
		err := errors.Join(same("Index", e.Index, int64(1)), holds(e.Seq > page.Items[0].Seq && e.Seq <= r.Seq, "the entry has number %d, the run %d", e.Seq, r.Seq),
			holds(e.Level >= jobs.LogWarn, "the level is %s", e.Level), holds(e.Message != "", "the entry says nothing"), instant("CreatedAt", e.CreatedAt, at(2)))
		if err != nil {
			return err
		}
	}
	// The next holder has to be told where the log goes on: an index that is taken must not break its exchange.
	c := heir.take(ctx, s, at(3))
	o := outcome(c)
	o.Seq++
	o.Logs = []jobs.LogEntry{{Index: 2, Seq: o.Seq, Level: jobs.LogInfo, Message: "more", CreatedAt: at(3)}}
	heir.turn(ctx, s, at(3), 0, o)
	return same("entries at last", must(s.Logs(ctx, jobs.LogQuery{Tenant: tenant, RunID: c.Run.ID})).Total, 3)
}

func takeoverUnknown(ctx context.Context, s jobs.Store) error {
	touched, err := s.TakeOver(ctx, at(1), "ghost", 0, lostReason)
	return holds(len(touched) == 0 && (err == nil || errors.Is(err, jobs.ErrNotFound)), "TakeOver gave %v, %v", touched, err)
}

func takeoverRace(ctx context.Context, s jobs.Store) error {
	givenRuns(ctx, s, givenJob(ctx, s, "stock", allowing(9), idempotent), t0, 4)
	h := givenWorker(ctx, s, "node-a")
	h.claim(ctx, s, t0, 4)
	touched := make([]int, 8)
	errs := together(len(touched), func(i int) error {
		runs, err := s.TakeOver(ctx, at(1), h.id, h.beat, lostReason)
		touched[i] = len(runs)
		return err
	})
	sum := 0
	for _, n := range touched {
		sum += n
	}
	for _, r := range must(s.Runs(ctx, jobs.RunQuery{Tenant: tenant})).Items {
		errs = append(errs, same("Losses", r.Losses, 1), same("Status", r.Status, jobs.RunQueued))
	}
	return errors.Join(append(errs, same("runs of all observers", sum, 4))...)
}

func takeoverOthers(ctx context.Context, s jobs.Store) error {
	givenRuns(ctx, s, givenJob(ctx, s, "stock", allowing(9)), t0, 2)
	a, b := givenWorker(ctx, s, "node-a"), givenWorker(ctx, s, "node-b")
	a.take(ctx, s, t0)
	c := b.take(ctx, s, t0)
	loses(ctx, s, a, 1)
	return errors.Join(same("the run of the other", *must(s.Run(ctx, tenant, c.Run.ID)), c.Run),
		same("Fenced", len(b.turn(ctx, s, at(2), 0, ends(c, jobs.RunSuccess, at(2))).Fenced), 0))
}

package storagetest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/carillon-go/carillon/jobs"
)

func startRules() []rule {
	return []rule{
		{"a started run is queued as it was asked for", startRun},
		{"a start of many gives one run for each params, in their order", startMany},
		{"a start in the future is not claimed before its time", startLater},
		{"a disabled job is started by hand", startDisabled},
		{"an unknown job, or one of another tenant, is not started", startUnknown},
		{"a draft is not started", startDraft},
		{"skip: a start beside a live run is a conflict that names it", startSkip},
		{"skip: of two runs at once none is started", startSkipMany},
		{"skip: after the end of a run the next one starts", startSkipAfterEnd},
		{"queue: a start waits for the live run, and is let go by its end", startQueue},
		{"queue: the newest waiting run replaces the one before", startQueueNewest},
		{"cancel: a start cancels the running run and waits for it", startCancel},
		{"cancel: a run that has not started is replaced at once", startCancelQueued},
		{"allow: runs beyond the bound wait, and are let go one by one, oldest first", startAllow},
		{"waiting runs are let go by the end of a run in the same exchange", startSameExchange},
		{"waiting runs are let go when the policy is changed", startPolicyChanged},
		{"a run in a pause before a retry is in the way of others", startBesidePause},
		{"a key gives the first run again, whatever its state", startKey},
		{"a key belongs to one tenant, one job and one caller", startKeyScope},
		{"a key is forgotten after its window", startKeyExpires},
		{"a key whose run was removed is a conflict that names it, and starts nothing", startKeyRemoved},
		{"of many starts with one key exactly one starts a run", startKeyRace},
		{"a key is kept as it is, without regard to what databases find equal", startKeyText},
		{"of many starts beside each other, skip lets exactly one go", startRace},
		{"more than the queued runs of a tenant are refused, all or none", startQueueFull},
	}
}

func startRun(ctx context.Context, s jobs.Store) error {
	j := givenJob(ctx, s, "stock", priority(7), acting("webhook", "email"), func(j *jobs.Job) { j.Actions[1].Disabled = true })
	j = givenRevision(ctx, s, j, 0, func(j *jobs.Job) { j.Name = "two" })
	a := ask(j)
	a.Params = []json.RawMessage{json.RawMessage(`{"day":"2026-03-01","n":12345678901234567890}`)}
	runs := must(s.StartRuns(ctx, at(1), a))
	want := jobs.Run{
		Tenant: tenant, JobID: j.ID, OwnerID: owner, Revision: 2, Status: jobs.RunQueued, Trigger: jobs.TriggerManual, TriggeredBy: clerk,
		Priority: 7, NotBefore: at(1), Attempt: 1, Params: a.Params[0], Steps: jobs.NewSteps(&j.Definition), CreatedAt: at(1), UpdatedAt: at(1),
	}
	if len(runs) != 1 {
		return fmt.Errorf("%d runs were started, want 1", len(runs))
	}
	got := *must(s.Run(ctx, tenant, runs[0].ID))
	stored := same("the stored run", got, runs[0])
	want.ID, want.Seq = got.ID, got.Seq
	return errors.Join(stored, same("the run", got, want), holds(jobs.ValidUUID(string(got.ID)), "the id %q is not a UUID", got.ID),
		instant("CreatedAt", got.CreatedAt, at(1)), instant("NotBefore", got.NotBefore, at(1)))
}

func startMany(ctx context.Context, s jobs.Store) error {
	j := givenJob(ctx, s, "stock", allowing(100))
	runs := givenRuns(ctx, s, j, t0, 40)
	seen := map[jobs.RunID]bool{}
	for i, r := range runs {
		seen[r.ID] = true
		if err := same("Params", must(s.Run(ctx, tenant, r.ID)).Params, json.RawMessage(fmt.Sprintf(`{"n":%d}`, i))); err != nil {
			return err
		}
	}
	return same("number of runs", len(seen), 40)
}

func startLater(ctx context.Context, s jobs.Store) error {
	j := givenJob(ctx, s, "stock")
	a := ask(j)
	a.NotBefore = at(10)
	r := must(s.StartRuns(ctx, t0, a))[0]
	h := givenWorker(ctx, s, "node-a")
	early := h.turn(ctx, s, at(10).Add(-time.Millisecond), 1)
	inTime := h.turn(ctx, s, at(10), 1)
	return errors.Join(instant("NotBefore", r.NotBefore, at(10)), same("claimed too early", len(early.Claimed), 0),
		same("NextDue", early.NextDue, at(10)), same("claimed in time", len(inTime.Claimed), 1))
}

func startDisabled(ctx context.Context, s jobs.Store) error {
	j := givenJob(ctx, s, "stock", func(j *jobs.Job) { j.Enabled = false })
	givenRun(ctx, s, j, t0)
	givenWorker(ctx, s, "node-a").take(ctx, s, t0)
	return nil
}

func startUnknown(ctx context.Context, s jobs.Store) error {
	j := givenJob(ctx, s, "stock")
	_, unknown := s.StartRuns(ctx, t0, ask(newJob("other")))
	stolen := ask(j)
	stolen.Tenant = foreign
	_, other := s.StartRuns(ctx, t0, stolen)
	return errors.Join(refused("a start of an unknown job", unknown, jobs.ErrNotFound), refused("a start by another tenant", other, jobs.ErrNotFound))
}

func startDraft(ctx context.Context, s jobs.Store) error {
	d := givenJob(ctx, s, "", draftOf(givenJob(ctx, s, "stock")))
	_, err := s.StartRuns(ctx, t0, ask(d))
	return conflict("a start of a draft", err, "", "")
}

func startSkip(ctx context.Context, s jobs.Store) error {
	j := givenJob(ctx, s, "stock")
	r := givenRun(ctx, s, j, t0)
	_, queued := s.StartRuns(ctx, at(1), ask(j))
	givenWorker(ctx, s, "node-a").take(ctx, s, at(1))
	_, running := s.StartRuns(ctx, at(2), ask(j))
	return errors.Join(conflict("a start beside a queued run", queued, "historyId", string(r.ID)),
		conflict("a start beside a running run", running, "historyId", string(r.ID)),
		same("runs", must(s.Runs(ctx, jobs.RunQuery{Tenant: tenant})).Total, 1))
}

func startSkipMany(ctx context.Context, s jobs.Store) error {
	j := givenJob(ctx, s, "stock")
	a := ask(j)
	a.Params = append(a.Params, json.RawMessage(`{"n":2}`))
	_, err := s.StartRuns(ctx, t0, a)
	return errors.Join(conflict("a start of two", err, "", ""), same("runs", must(s.Runs(ctx, jobs.RunQuery{Tenant: tenant})).Total, 0))
}

func startSkipAfterEnd(ctx context.Context, s jobs.Store) error {
	j := givenJob(ctx, s, "stock")
	h := givenWorker(ctx, s, "node-a")
	for minute, status := range []jobs.RunStatus{jobs.RunSuccess, jobs.RunWarning, jobs.RunError, jobs.RunCanceled} {
		givenEnded(ctx, s, h, j, at(minute), status)
	}
	givenRun(ctx, s, j, at(9))
	return nil
}

func startQueue(ctx context.Context, s jobs.Store) error {
	j := givenJob(ctx, s, "stock", overlap(jobs.OverlapQueue))
	h := givenWorker(ctx, s, "node-a")
	first := givenRun(ctx, s, j, t0)
	c := h.take(ctx, s, t0)
	second := givenRun(ctx, s, j, at(1))
	early := h.turn(ctx, s, at(2), 5)
	h.turn(ctx, s, at(3), 0, ends(c, jobs.RunError, at(3)))
	let := must(s.Run(ctx, tenant, second.ID))
	next := h.turn(ctx, s, at(4), 5)
	return errors.Join(holds(!first.Blocked && second.Blocked, "Blocked is %t and %t, want false and true", first.Blocked, second.Blocked),
		same("claimed beside the live run", len(early.Claimed), 0), same("NextDue while blocked", early.NextDue, time.Time{}),
		holds(!let.Blocked, "the run is blocked after the end"), same("claimed afterwards", claimIDs(next.Claimed), []jobs.RunID{second.ID}))
}

func startQueueNewest(ctx context.Context, s jobs.Store) error {
	j := givenJob(ctx, s, "stock", overlap(jobs.OverlapQueue))
	first, second, third := givenRun(ctx, s, j, t0), givenRun(ctx, s, j, at(1)), givenRun(ctx, s, j, at(2))
	replaced := must(s.Run(ctx, tenant, second.ID))
	return errors.Join(same("the replaced run", replaced.Status, jobs.RunCanceled), instant("its end", replaced.EndedAt, at(2)),
		same("the first run", must(s.Run(ctx, tenant, first.ID)).Status, jobs.RunQueued),
		holds(must(s.Run(ctx, tenant, third.ID)).Blocked, "the newest run does not wait"))
}

func startCancel(ctx context.Context, s jobs.Store) error {
	j := givenJob(ctx, s, "stock", overlap(jobs.OverlapCancel))
	h := givenWorker(ctx, s, "node-a")
	first := givenRun(ctx, s, j, t0)
	c := h.take(ctx, s, t0)
	second := givenRun(ctx, s, j, at(1))
	asked := must(s.Run(ctx, tenant, first.ID))
	told := h.turn(ctx, s, at(2), 5)
	h.turn(ctx, s, at(3), 0, ends(c, jobs.RunCanceled, at(3)))
	return errors.Join(holds(asked.CancelRequested && asked.Status == jobs.RunRunning, "the running run is %s, cancel requested %t", asked.Status, asked.CancelRequested),
		holds(second.Blocked, "the new run does not wait"), same("claimed while it waits", len(told.Claimed), 0),
		same("CancelRequested of the exchange", told.CancelRequested, []jobs.RunID{first.ID}),
		same("claimed afterwards", claimIDs(h.turn(ctx, s, at(4), 5).Claimed), []jobs.RunID{second.ID}))
}

func startCancelQueued(ctx context.Context, s jobs.Store) error {
	j := givenJob(ctx, s, "stock", overlap(jobs.OverlapCancel))
	first, second := givenRun(ctx, s, j, t0), givenRun(ctx, s, j, at(1))
	return errors.Join(same("the first run", must(s.Run(ctx, tenant, first.ID)).Status, jobs.RunCanceled), holds(!second.Blocked, "the new run waits"),
		same("claimed", claimIDs(givenWorker(ctx, s, "node-a").turn(ctx, s, at(1), 5).Claimed), []jobs.RunID{second.ID}))
}

func startAllow(ctx context.Context, s jobs.Store) error {
	j := givenJob(ctx, s, "stock", allowing(2))
	h := givenWorker(ctx, s, "node-a")
	var runs []jobs.Run
	for i := range 4 {
		runs = append(runs, givenRun(ctx, s, j, at(i)))
	}
	claims := h.turn(ctx, s, at(5), 5).Claimed
	if err := same("claimed first", claimIDs(claims), ids(runs[:2])); err != nil {
		return err
	}
	h.turn(ctx, s, at(6), 0, ends(claims[1], jobs.RunSuccess, at(6)))
	third := h.turn(ctx, s, at(7), 5).Claimed
	h.turn(ctx, s, at(8), 0, ends(claims[0], jobs.RunSuccess, at(8)))
	fourth := h.turn(ctx, s, at(9), 5).Claimed
	return errors.Join(same("claimed after the first end", claimIDs(third), ids(runs[2:3])),
		same("claimed after the second end", claimIDs(fourth), ids(runs[3:])))
}

func startSameExchange(ctx context.Context, s jobs.Store) error {
	j := givenJob(ctx, s, "stock", overlap(jobs.OverlapQueue))
	h := givenWorker(ctx, s, "node-a")
	givenRun(ctx, s, j, t0)
	c := h.take(ctx, s, t0)
	second := givenRun(ctx, s, j, at(1))
	r := h.turn(ctx, s, at(2), 1, ends(c, jobs.RunSuccess, at(2)))
	return same("claimed", claimIDs(r.Claimed), []jobs.RunID{second.ID})
}

func startPolicyChanged(ctx context.Context, s jobs.Store) error {
	j := givenJob(ctx, s, "stock", allowing(1))
	runs := givenRuns(ctx, s, j, t0, 4)
	givenRevision(ctx, s, j, 1, allowing(3))
	waiting := 0
	for _, r := range runs {
		if must(s.Run(ctx, tenant, r.ID)).Blocked {
			waiting++
		}
	}
	claims := givenWorker(ctx, s, "node-a").turn(ctx, s, at(2), 9).Claimed
	return errors.Join(same("waiting runs after the change", waiting, 1), same("claimed after the change", claimIDs(claims), ids(runs[:3])))
}

func startBesidePause(ctx context.Context, s jobs.Store) error {
	j := givenJob(ctx, s, "stock")
	r := givenRun(ctx, s, j, t0)
	h := givenWorker(ctx, s, "node-a")
	o := outcome(h.take(ctx, s, t0))
	o.Requeue = &jobs.Requeue{NotBefore: at(60)}
	h.turn(ctx, s, at(1), 0, o)
	_, err := s.StartRuns(ctx, at(2), ask(j))
	return conflict("a start beside a paused run", err, "historyId", string(r.ID))
}

func keyed(j *jobs.Job, key string) jobs.Start {
	a := ask(j)
	a.Key = key
	return a
}

func startKey(ctx context.Context, s jobs.Store) error {
	j := givenJob(ctx, s, "stock")
	h := givenWorker(ctx, s, "node-a")
	first := must(s.StartRuns(ctx, t0, keyed(j, "k")))
	again := func(minute int, state string) error {
		runs, err := s.StartRuns(ctx, at(minute), keyed(j, "k"))
		if err != nil {
			return err
		}
		return errors.Join(same("the run of the key while "+state, ids(runs), ids(first)),
			same("the run as it is while "+state, runs[0], *must(s.Run(ctx, tenant, first[0].ID))))
	}
	queued := again(1, "queued")
	c := h.take(ctx, s, at(2))
	running := again(3, "running")
	h.turn(ctx, s, at(4), 0, ends(c, jobs.RunSuccess, at(4)))
	ended := again(5, "ended")
	almost := again(24*60-1, "almost forgotten")
	return errors.Join(queued, running, ended, almost, same("runs", must(s.Runs(ctx, jobs.RunQuery{Tenant: tenant})).Total, 1))
}

func startKeyScope(ctx context.Context, s jobs.Store) error {
	a, b := givenJob(ctx, s, "a", allowing(9)), givenJob(ctx, s, "b", allowing(9))
	c := givenJob(ctx, s, "c", allowing(9), of(foreign))
	seen := map[jobs.RunID]bool{}
	other := keyed(a, "k")
	other.TriggeredBy = owner
	for _, start := range []jobs.Start{keyed(a, "k"), keyed(a, "k2"), keyed(b, "k"), keyed(c, "k"), other, ask(a), ask(a)} {
		seen[must(s.StartRuns(ctx, t0, start))[0].ID] = true
	}
	return same("number of runs", len(seen), 7)
}

func startKeyExpires(ctx context.Context, s jobs.Store) error {
	j := givenJob(ctx, s, "stock", allowing(9))
	first := must(s.StartRuns(ctx, t0, keyed(j, "k")))
	later := t0.Add(jobs.IdempotencyWindow + time.Minute)
	second := must(s.StartRuns(ctx, later, keyed(j, "k")))
	third := must(s.StartRuns(ctx, later.Add(time.Hour), keyed(j, "k")))
	return errors.Join(holds(first[0].ID != second[0].ID, "the key is still known after its window"),
		same("the run of the key in its new window", ids(third), ids(second)))
}

func startKeyRemoved(ctx context.Context, s jobs.Store) error {
	j := givenJob(ctx, s, "stock")
	h := givenWorker(ctx, s, "node-a")
	first := must(s.StartRuns(ctx, t0, keyed(j, "k")))[0]
	h.turn(ctx, s, at(1), 0, ends(h.take(ctx, s, at(1)), jobs.RunSuccess, at(1)))
	done(s.DeleteRun(ctx, tenant, j.ID, first.ID))
	_, again := s.StartRuns(ctx, at(2), keyed(j, "k"))
	none := must(s.Runs(ctx, jobs.RunQuery{Tenant: tenant})).Total
	later := must(s.StartRuns(ctx, t0.Add(jobs.IdempotencyWindow+time.Minute), keyed(j, "k")))
	return errors.Join(conflict("a start with the key of a removed run", again, "historyId", string(first.ID)), same("runs", none, 0),
		same("runs after the window", len(later), 1))
}

func startKeyRace(ctx context.Context, s jobs.Store) error {
	j := givenJob(ctx, s, "stock")
	got := make([]jobs.RunID, 16)
	errs := together(len(got), func(i int) error {
		runs, err := s.StartRuns(ctx, t0, keyed(j, "k"))
		if err == nil {
			got[i] = runs[0].ID
		}
		return err
	})
	for i := range got {
		if err := errors.Join(errs[i], same("the run of the key", got[i], got[0])); err != nil {
			return err
		}
	}
	return same("runs", must(s.Runs(ctx, jobs.RunQuery{Tenant: tenant})).Total, 1)
}

func startKeyText(ctx context.Context, s jobs.Store) error {
	j := givenJob(ctx, s, "stock", allowing(100))
	seen := map[jobs.RunID]bool{}
	for _, key := range awkward {
		if len([]rune(key)) > jobs.MaxIdempotencyKey || key == "" {
			continue
		}
		first, again := must(s.StartRuns(ctx, t0, keyed(j, key))), must(s.StartRuns(ctx, t0, keyed(j, key)))
		if err := same(fmt.Sprintf("the run of key %q", key), ids(again), ids(first)); err != nil {
			return err
		}
		if seen[first[0].ID] {
			return fmt.Errorf("key %q gave the run of another key", key)
		}
		seen[first[0].ID] = true
	}
	return nil
}

func startRace(ctx context.Context, s jobs.Store) error {
	j := givenJob(ctx, s, "stock")
	won := 0
	for _, err := range together(16, func(int) error { _, err := s.StartRuns(ctx, t0, ask(j)); return err }) {
		if err == nil {
			won++
			continue
		}
		if err := conflict("a start that came too late", err, "historyId", ""); err != nil {
			return err
		}
	}
	return same("starts that succeeded", won, 1)
}

func startQueueFull(ctx context.Context, s jobs.Store) error {
	j := givenJob(ctx, s, "stock", allowing(10_000))
	a := ask(j)
	a.Params = many(jobs.MaxQueuedPerTenant + 1)
	_, err := s.StartRuns(ctx, t0, a)
	return errors.Join(conflict("a start of too many", err, "", ""), same("runs", must(s.Runs(ctx, jobs.RunQuery{Tenant: tenant})).Total, 0))
}

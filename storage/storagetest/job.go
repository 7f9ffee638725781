package storagetest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/carillon-go/carillon/jobs"
)

func jobRules() []rule {
	return []rule{
		{"a new job is read back whole, at revision 1", jobRoundTrip},
		{"a job is found by its slug, whatever the prefix, and by its id", jobBySlug},
		{"a job of another tenant does not exist", jobForeign},
		{"an unknown job does not exist", jobUnknown},
		{"what was passed in may be changed afterwards", jobNotKept},
		{"what was read may be changed without changing what is stored", jobReadCopies},
		{"a slug that the tenant has is a conflict that names it", jobSlugTaken},
		{"two tenants may have one slug", jobSlugOfTwoTenants},
		{"any number of drafts has no slug", jobDrafts},
		{"a save with the stored revision replaces the job", jobSave},
		{"a save may keep the revision", jobSaveKeepsRevision},
		{"a save with another revision changes nothing", jobSavePrecondition},
		{"a save of an unknown job, or by another tenant, is not found", jobSaveUnknown},
		{"a save that takes a slug is a conflict and changes nothing", jobSaveSlugTaken},
		{"a job of which the slug was given up leaves it to others", jobSlugGivenUp},
		{"a job that was read without its definition is not written", jobBroken},
		{"of many saves of one revision exactly one succeeds", jobSaveRace},
		{"a deleted job takes its runs, logs, fires and drafts along", jobDelete},
		{"a draft is deleted without its original", jobDeleteDraft},
		{"a delete with another revision changes nothing", jobDeletePrecondition},
		{"a delete of an unknown job, or by another tenant, is not found", jobDeleteUnknown},
		{"a job with a live run is deleted by force only", jobDeleteLive},
		{"a delete by force fences off the workers that hold its runs", jobDeleteForce},
		{"a job is locked from the first claim of its oldest run to its end", jobLockedAt},
		{"a job is locked while its run pauses before a retry", jobLockedPause},
		{"the last run of a job is the one that ended last", jobLastRun},
	}
}

// fullJob has a value in every field that a job can have.
func fullJob() *jobs.Job {
	j := newJob("nightly-stock-count", acting("webhook", "email"))
	j.Name, j.Description = "Nightly stock count", "Reloads the stock figures.\n\tMails the \"shortages\" \\ 100 %"
	j.Data = json.RawMessage(`{"to":["a@example.org"],"deep":{"n":12345678901234567890,"f":0.1,"none":null,"text":"ÅÄÖ 日本 🎉 \u0001"}}`)
	j.Secrets = jobs.Secrets{"auth.password": {KeyID: "k1", Sealed: []byte{0, 1, 2, 255}, Target: "https://example.org"}}
	j.Schedule = jobs.Schedule{
		Interval: "30 5 * * 1-5", IntervalType: jobs.IntervalCron, Timezone: "Europe/Berlin",
		StartOn: t0.AddDate(0, 0, 1), EndOn: t0.AddDate(1, 0, 0),
	}
	j.NextRunAt = t0.AddDate(0, 0, 1)
	j.Policies = jobs.Policies{
		Overlap: jobs.OverlapAllow, MaxConcurrent: 3, Misfire: jobs.MisfireAll, MisfireGrace: 2 * time.Minute,
		MisfireWindow: time.Hour, Jitter: 7 * time.Second, Timeout: 3 * time.Hour, Priority: -42, KeepDays: 30, KeepRuns: 1000,
		Driver: jobs.StepPolicy{
			Timeout: time.Minute, MaxRetries: 3, RetryDelay: 5 * time.Second, Backoff: jobs.BackoffExponential, OnInterrupt: jobs.OnInterruptRetry,
		},
	}
	j.Idempotent = true
	j.Actions[0].Disabled, j.Actions[0].OnError, j.Actions[0].Idempotent = true, jobs.OnErrorWarn, true
	j.Actions[1].Secrets = jobs.Secrets{"token": {KeyID: "k2", Sealed: []byte("x")}}
	return j
}

func readJob(ctx context.Context, s jobs.Store, j *jobs.Job) *jobs.Job {
	return must(s.Job(ctx, j.Tenant, jobs.JobRef{ID: j.ID}))
}

func jobRoundTrip(ctx context.Context, s jobs.Store) error {
	j := fullJob()
	done(s.InsertJob(ctx, t0, j))
	got := readJob(ctx, s, j)
	return errors.Join(
		same("the job", got, j),
		instant("NextRunAt", got.NextRunAt, j.NextRunAt),
		instant("CreatedAt", got.CreatedAt, t0),
		instant("UpdatedAt", got.UpdatedAt, t0),
		instant("DefnUpdatedAt", got.DefnUpdatedAt, t0),
	)
}

func jobBySlug(ctx context.Context, s jobs.Store) error {
	j := givenJob(ctx, s, "stock")
	givenJob(ctx, s, "stock-2")
	for _, prefix := range []string{"", string(tenant), "team:sales"} {
		got := must(s.Job(ctx, tenant, jobs.JobRef{Prefix: prefix, Slug: "stock"}))
		if err := same("the job by slug with prefix "+prefix, got.ID, j.ID); err != nil {
			return err
		}
	}
	return same("the job by id", readJob(ctx, s, j).ID, j.ID)
}

func jobForeign(ctx context.Context, s jobs.Store) error {
	j := givenJob(ctx, s, "stock")
	_, byID := s.Job(ctx, foreign, jobs.JobRef{ID: j.ID})
	_, bySlug := s.Job(ctx, foreign, jobs.JobRef{Slug: j.Slug})
	_, definition := s.Definition(ctx, foreign, j.ID, 1)
	return errors.Join(refused("Job by id", byID, jobs.ErrNotFound), refused("Job by slug", bySlug, jobs.ErrNotFound),
		refused("Definition", definition, jobs.ErrNotFound))
}

func jobUnknown(ctx context.Context, s jobs.Store) error {
	givenJob(ctx, s, "", draftOf(givenJob(ctx, s, "other")))
	_, byID := s.Job(ctx, tenant, jobs.JobRef{ID: jobs.NewID()})
	_, bySlug := s.Job(ctx, tenant, jobs.JobRef{Slug: "stock"})
	_, empty := s.Job(ctx, tenant, jobs.JobRef{})
	return errors.Join(refused("Job by id", byID, jobs.ErrNotFound), refused("Job by slug", bySlug, jobs.ErrNotFound),
		refused("Job by an empty reference", empty, jobs.ErrNotFound))
}

func jobNotKept(ctx context.Context, s jobs.Store) error {
	j := fullJob()
	done(s.InsertJob(ctx, t0, j))
	want := fullJob()
	if err := same("the job that was passed in", j.Actions[1].Name, want.Actions[1].Name); err != nil {
		return err
	}
	j.Data[2], j.Actions[1].Name, j.Actions[1].Data[0] = 'X', "changed", 'X'
	j.Secrets["auth.password"].Sealed[0] = 9
	got := readJob(ctx, s, j)
	return errors.Join(
		same("Data", got.Data, want.Data), same("Secrets", got.Secrets, want.Secrets), same("action name", got.Actions[1].Name, want.Actions[1].Name),
	)
}

func jobReadCopies(ctx context.Context, s jobs.Store) error {
	j := fullJob()
	done(s.InsertJob(ctx, t0, j))
	got := readJob(ctx, s, j)
	got.Name, got.Data[2], got.Actions[0].Name = "changed", 'X', "changed"
	got.Actions = append(got.Actions[:1], jobs.Action{})
	return same("the job", readJob(ctx, s, j), j)
}

func jobSlugTaken(ctx context.Context, s jobs.Store) error {
	givenJob(ctx, s, "stock")
	err := s.InsertJob(ctx, t0, newJob("stock"))
	page := must(s.Jobs(ctx, jobs.JobQuery{Tenant: tenant}))
	return errors.Join(conflict("InsertJob", err, "slug", "stock"), same("number of jobs", page.Total, 1))
}

func jobSlugOfTwoTenants(ctx context.Context, s jobs.Store) error {
	a, b := givenJob(ctx, s, "stock"), givenJob(ctx, s, "stock", of(foreign))
	return errors.Join(
		same("the slug of one", must(s.Job(ctx, tenant, jobs.JobRef{Slug: "stock"})).ID, a.ID),
		same("the slug of the other", must(s.Job(ctx, foreign, jobs.JobRef{Slug: "stock"})).ID, b.ID),
	)
}

func jobDrafts(ctx context.Context, s jobs.Store) error {
	j := givenJob(ctx, s, "stock")
	a, b := givenJob(ctx, s, "", draftOf(j)), givenJob(ctx, s, "", draftOf(j), ownedBy(clerk))
	return errors.Join(same("one draft", readJob(ctx, s, a), a), same("the other", readJob(ctx, s, b), b))
}

func jobSave(ctx context.Context, s jobs.Store) error {
	j := fullJob()
	done(s.InsertJob(ctx, t0, j))
	next := fullJob()
	next.ID, next.Slug, next.Name, next.OwnerID = j.ID, "stock-by-night", "Stock by night", clerk
	next.Actions = next.Actions[1:]
	next.Enabled, next.NextRunAt, next.Schedule = false, time.Time{}, jobs.Schedule{}
	next.Revision, next.UpdatedAt, next.DefnUpdatedAt = 2, at(5), at(5)
	done(s.SaveJob(ctx, at(5), next, 1))
	return same("the job", readJob(ctx, s, j), next)
}

func jobSaveKeepsRevision(ctx context.Context, s jobs.Store) error {
	j := givenJob(ctx, s, "stock")
	j.Enabled, j.UpdatedAt = false, at(5)
	done(s.SaveJob(ctx, at(5), j, 1))
	return same("the job", readJob(ctx, s, j), j)
}

func jobSavePrecondition(ctx context.Context, s jobs.Store) error {
	j := givenJob(ctx, s, "stock")
	second := *j
	second.Name, second.Revision = "second", 2
	done(s.SaveJob(ctx, at(1), &second, 1))
	rival := *j
	rival.Name, rival.Revision = "rival", 2
	stale := s.SaveJob(ctx, at(2), &rival, 1)
	rival.Revision = 4
	future := s.SaveJob(ctx, at(2), &rival, 3)
	return errors.Join(refused("a save with an older revision", stale, jobs.ErrPrecondition), refused("a save with a revision to come", future, jobs.ErrPrecondition),
		same("the job", readJob(ctx, s, j), &second))
}

func jobSaveUnknown(ctx context.Context, s jobs.Store) error {
	j := givenJob(ctx, s, "stock")
	unknown := s.SaveJob(ctx, t0, newJob("other"), 1)
	stolen := *j
	stolen.Tenant, stolen.Name = foreign, "stolen"
	other := s.SaveJob(ctx, t0, &stolen, 1)
	return errors.Join(refused("a save of an unknown job", unknown, jobs.ErrNotFound), refused("a save by another tenant", other, jobs.ErrNotFound),
		same("the job", readJob(ctx, s, j), j))
}

func jobSaveSlugTaken(ctx context.Context, s jobs.Store) error {
	givenJob(ctx, s, "stock")
	j := givenJob(ctx, s, "sales")
	next := *j
	next.Slug, next.Name, next.Revision = "stock", "changed", 2
	err := s.SaveJob(ctx, at(1), &next, 1)
	_, revision := s.Definition(ctx, tenant, j.ID, 2)
	return errors.Join(conflict("SaveJob", err, "slug", "stock"), same("the job", readJob(ctx, s, j), j),
		refused("the revision that was not made", revision, jobs.ErrNotFound))
}

func jobSlugGivenUp(ctx context.Context, s jobs.Store) error {
	j := givenJob(ctx, s, "stock")
	j.Slug = "stock-old"
	done(s.SaveJob(ctx, at(1), j, 1))
	return s.InsertJob(ctx, at(2), newJob("stock"))
}

func jobBroken(ctx context.Context, s jobs.Store) error {
	j := givenJob(ctx, s, "stock")
	broken := *j
	broken.Broken, broken.Name, broken.Revision = "the stored definition cannot be read", "lost", 2
	save := s.SaveJob(ctx, at(1), &broken, 1)
	stored := same("the stored job", readJob(ctx, s, j), j)
	broken.ID, broken.Slug, broken.Revision = jobs.NewID(), "copy", 1
	return errors.Join(conflict("a save", save, "", ""), stored, conflict("an insert", s.InsertJob(ctx, at(1), &broken), "", ""))
}

func jobSaveRace(ctx context.Context, s jobs.Store) error {
	j := givenJob(ctx, s, "stock")
	errs := together(16, func(i int) error {
		mine := *j
		mine.Name, mine.Revision = fmt.Sprintf("writer %d", i), 2
		return s.SaveJob(ctx, at(1), &mine, 1)
	})
	won := -1
	for i, err := range errs {
		switch {
		case err == nil && won >= 0:
			return fmt.Errorf("writers %d and %d both saved revision 2", won, i)
		case err == nil:
			won = i
		case !errors.Is(err, jobs.ErrPrecondition):
			return refused("a save that came too late", err, jobs.ErrPrecondition)
		}
	}
	return same("the name", readJob(ctx, s, j).Name, fmt.Sprintf("writer %d", won))
}

func jobDelete(ctx context.Context, s jobs.Store) error {
	j := givenJob(ctx, s, "stock", minutely)
	d, other := givenJob(ctx, s, "", draftOf(j)), givenJob(ctx, s, "sales")
	h := givenWorker(ctx, s, "node-a")
	must(s.Plan(ctx, at(1), 10))
	c := h.take(ctx, s, at(1))
	o := ends(c, jobs.RunSuccess, at(1))
	o.Logs = []jobs.LogEntry{{Index: 0, Seq: 1, Level: jobs.LogInfo, Message: "done", CreatedAt: at(1)}}
	h.turn(ctx, s, at(1), 0, o)
	kept := givenEnded(ctx, s, h, other, at(1), jobs.RunSuccess)
	done(s.DeleteJob(ctx, at(2), tenant, j.ID, 1, false))

	_, job := s.Job(ctx, tenant, jobs.JobRef{ID: j.ID})
	_, draft := s.Job(ctx, tenant, jobs.JobRef{ID: d.ID})
	_, run := s.Run(ctx, tenant, c.Run.ID)
	_, definition := s.Definition(ctx, tenant, j.ID, 1)
	fires, err := s.Fires(ctx, jobs.FireQuery{Tenant: tenant, JobID: j.ID})
	if err == nil {
		err = same("lines of the ledger", fires.Total, 0)
	} else {
		err = refused("Fires", err, jobs.ErrNotFound)
	}
	_, otherRun := s.Run(ctx, tenant, kept.ID)
	return errors.Join(err, refused("Job", job, jobs.ErrNotFound), refused("the draft", draft, jobs.ErrNotFound),
		refused("Run", run, jobs.ErrNotFound), refused("Definition", definition, jobs.ErrNotFound),
		same("runs of the tenant", must(s.Runs(ctx, jobs.RunQuery{Tenant: tenant})).Total, 1), otherRun,
		same("the next fire", must(s.NextDue(ctx)), time.Time{}),
		s.InsertJob(ctx, at(3), newJob("stock")))
}

func jobDeleteDraft(ctx context.Context, s jobs.Store) error {
	j := givenJob(ctx, s, "stock")
	d, sibling := givenJob(ctx, s, "", draftOf(j)), givenJob(ctx, s, "", draftOf(j), ownedBy(clerk))
	done(s.DeleteJob(ctx, at(1), tenant, d.ID, 1, false))
	_, gone := s.Job(ctx, tenant, jobs.JobRef{ID: d.ID})
	return errors.Join(refused("the draft", gone, jobs.ErrNotFound), same("the job", readJob(ctx, s, j), j),
		same("the draft of another", readJob(ctx, s, sibling), sibling))
}

func jobDeletePrecondition(ctx context.Context, s jobs.Store) error {
	j := givenJob(ctx, s, "stock")
	err := s.DeleteJob(ctx, at(1), tenant, j.ID, 2, true)
	return errors.Join(refused("DeleteJob", err, jobs.ErrPrecondition), same("the job", readJob(ctx, s, j), j))
}

func jobDeleteUnknown(ctx context.Context, s jobs.Store) error {
	j := givenJob(ctx, s, "stock")
	unknown := s.DeleteJob(ctx, t0, tenant, jobs.NewID(), 1, true)
	other := s.DeleteJob(ctx, t0, foreign, j.ID, 1, true)
	return errors.Join(refused("a delete of an unknown job", unknown, jobs.ErrNotFound), refused("a delete by another tenant", other, jobs.ErrNotFound),
		same("the job", readJob(ctx, s, j), j))
}

func jobDeleteLive(ctx context.Context, s jobs.Store) error {
	j := givenJob(ctx, s, "stock")
	r := givenRun(ctx, s, j, t0)
	queued := s.DeleteJob(ctx, at(1), tenant, j.ID, 1, false)
	givenWorker(ctx, s, "node-a").take(ctx, s, at(1))
	running := s.DeleteJob(ctx, at(1), tenant, j.ID, 1, false)
	return errors.Join(conflict("DeleteJob with a queued run", queued, "historyId", string(r.ID)),
		conflict("DeleteJob with a running run", running, "historyId", string(r.ID)),
		same("the run", must(s.Run(ctx, tenant, r.ID)).Status, jobs.RunRunning))
}

func jobDeleteForce(ctx context.Context, s jobs.Store) error {
	j, other := givenJob(ctx, s, "stock", allowing(2)), givenJob(ctx, s, "sales")
	runs := givenRuns(ctx, s, j, t0, 3)
	h := givenWorker(ctx, s, "node-a")
	claims := h.claim(ctx, s, t0, 2)
	givenRun(ctx, s, other, at(1))
	kept := h.take(ctx, s, at(1))
	done(s.DeleteJob(ctx, at(1), tenant, j.ID, 1, true))
	r := h.turn(ctx, s, at(2), 5, ends(claims[0], jobs.RunSuccess, at(2)), ends(kept, jobs.RunSuccess, at(2)), outcome(claims[1]))
	fenced := map[jobs.RunID]bool{}
	for _, id := range r.Fenced {
		fenced[id] = true
	}
	var faults []string
	for _, run := range runs {
		if _, err := s.Run(ctx, tenant, run.ID); !errors.Is(err, jobs.ErrNotFound) {
			faults = append(faults, fmt.Sprintf("run %s is still there (%v)", run.ID, err))
		}
	}
	return errors.Join(same("fenced runs", fenced, map[jobs.RunID]bool{claims[0].Run.ID: true, claims[1].Run.ID: true}),
		same("claimed runs", len(r.Claimed), 0), holds(len(faults) == 0, "%s", strings.Join(faults, "; ")),
		same("the run of the other job", must(s.Run(ctx, tenant, kept.Run.ID)).Status, jobs.RunSuccess))
}

func jobLockedAt(ctx context.Context, s jobs.Store) error {
	j := givenJob(ctx, s, "stock", allowing(2))
	locked := func() time.Time { return readJob(ctx, s, j).LockedAt }
	h := givenWorker(ctx, s, "node-a")
	givenRuns(ctx, s, j, t0, 2)
	queued := locked()
	a := h.take(ctx, s, at(1))
	one := locked()
	b := h.take(ctx, s, at(2))
	two := locked()
	h.turn(ctx, s, at(3), 0, ends(a, jobs.RunSuccess, at(3)))
	younger := locked()
	h.turn(ctx, s, at(4), 0, ends(b, jobs.RunSuccess, at(4)))
	return errors.Join(same("LockedAt while queued", queued, time.Time{}), instant("LockedAt with one run", one, at(1)),
		same("LockedAt with two runs", two, at(1)), same("LockedAt after the end of the older", younger, at(2)),
		same("LockedAt after the end of both", locked(), time.Time{}))
}

func jobLockedPause(ctx context.Context, s jobs.Store) error {
	j := givenJob(ctx, s, "stock")
	givenRun(ctx, s, j, t0)
	h := givenWorker(ctx, s, "node-a")
	o := outcome(h.take(ctx, s, at(1)))
	o.Requeue = &jobs.Requeue{NotBefore: at(30)}
	h.turn(ctx, s, at(2), 0, o)
	return same("LockedAt", readJob(ctx, s, j).LockedAt, at(1))
}

func jobLastRun(ctx context.Context, s jobs.Store) error {
	j := givenJob(ctx, s, "stock", allowing(2))
	h := givenWorker(ctx, s, "node-a")
	none := readJob(ctx, s, j).LastRun
	givenRuns(ctx, s, j, t0, 2)
	claims := h.claim(ctx, s, at(1), 2)
	h.turn(ctx, s, at(2), 0, ends(claims[1], jobs.RunError, at(2)))
	h.turn(ctx, s, at(3), 0, ends(claims[0], jobs.RunWarning, at(3)))
	newest := readJob(ctx, s, j).LastRun
	r := givenRun(ctx, s, j, at(4))
	must(s.CancelRun(ctx, at(5), tenant, r.ID, clerk))
	return errors.Join(holds(none == nil, "LastRun of a job that never ran is %v", none),
		same("LastRun", newest, &jobs.LastRun{ID: claims[0].Run.ID, Status: jobs.RunWarning, Warnings: true, StartedAt: at(1), EndedAt: at(3)}),
		same("LastRun after a cancel", readJob(ctx, s, j).LastRun, &jobs.LastRun{ID: r.ID, Status: jobs.RunCanceled, EndedAt: at(5)}))
}

package storagetest

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/carillon-go/carillon/jobs"
)

func draftRules() []rule {
	return []rule{
		{"a draft is found by its original and its user", draftFound},
		{"a draft knows what it was made from", draftBase},
		{"a user has one draft of a job; the second one is a conflict that names the first", draftSecond},
		{"of many drafts of one user and job that are made at once, one is stored", draftRace},
		{"a draft of an unknown job, of a draft, or across tenants is not found", draftOfNothing},
		{"drafts of a user are listed with their originals, the one changed last first", draftList},
		{"editors of a job are listed, the oldest draft first", draftEditors},
		{"a commit saves the original and removes the draft", draftCommit},
		{"a commit that changes nothing removes the draft alone", draftCommitUnchanged},
		{"a commit upon another revision of the original changes nothing", draftCommitBase},
		{"a commit of a draft that was changed in between changes nothing", draftCommitChanged},
		{"a commit of an unknown draft, of one of another job, or by another tenant is not found", draftCommitUnknown},
		{"a draft takes the place of another one of the same user and job, or nothing changes", draftReplace},
		{"of many commits upon one revision exactly one succeeds", draftCommitRace},
		{"a commit leaves a running run alone, and gives a queued one the new revision", draftCommitRuns},
	}
}

func draftFound(ctx context.Context, s jobs.Store) error {
	j := givenJob(ctx, s, "stock")
	d, other := givenJob(ctx, s, "", draftOf(j)), givenJob(ctx, s, "", draftOf(j), ownedBy(clerk))
	_, foreignTenant := s.Draft(ctx, foreign, j.ID, owner)
	_, nobody := s.Draft(ctx, tenant, j.ID, "zoe")
	_, ofDraft := s.Draft(ctx, tenant, d.ID, owner)
	return errors.Join(same("the draft", must(s.Draft(ctx, tenant, j.ID, owner)), d), same("the other", must(s.Draft(ctx, tenant, j.ID, clerk)), other),
		refused("from another tenant", foreignTenant, jobs.ErrNotFound), refused("of a user without one", nobody, jobs.ErrNotFound),
		refused("of a draft", ofDraft, jobs.ErrNotFound))
}

func draftBase(ctx context.Context, s jobs.Store) error {
	j := givenJob(ctx, s, "stock")
	second := givenRevision(ctx, s, j, 3, func(j *jobs.Job) { j.Name = "Second" })
	d := givenJob(ctx, s, "", draftOf(second))
	want := jobs.DraftBase{Revision: 2, Source: 1, DefnUpdatedAt: at(3), OwnerID: owner, Enabled: true}
	next := givenRevision(ctx, s, d, 4, func(j *jobs.Job) { j.Name = "Third" })
	return errors.Join(same("the base", d.Base, want), same("the base after a save", readJob(ctx, s, next).Base, want),
		same("the base of a job that is no draft", readJob(ctx, s, second).Base, jobs.DraftBase{}))
}

func draftSecond(ctx context.Context, s jobs.Store) error {
	j := givenJob(ctx, s, "stock")
	d := givenJob(ctx, s, "", draftOf(j))
	err := s.InsertJob(ctx, at(1), newJob("", draftOf(j)))
	var conflict *jobs.ConflictError
	if !errors.As(err, &conflict) || conflict.Data["draftId"] != string(d.ID) {
		return holds(false, "a second draft gives %v; want a conflict that names %s", err, d.ID)
	}
	done(s.DeleteJob(ctx, at(2), tenant, d.ID, 0, false))
	return s.InsertJob(ctx, at(3), newJob("", draftOf(j)))
}

func draftRace(ctx context.Context, s jobs.Store) error {
	j := givenJob(ctx, s, "stock")
	errs := atOnce(8, func(int) error { return s.InsertJob(ctx, at(1), newJob("", draftOf(j))) })
	stored := 0
	for _, err := range errs {
		switch {
		case err == nil:
			stored++
		case !errors.Is(err, jobs.ErrConflict):
			return fmt.Errorf("a rival gets %w; want a conflict", err)
		}
	}
	return errors.Join(same("drafts stored", stored, 1), same("editors", len(must(s.Editors(ctx, tenant, j.ID))), 1))
}

// atOnce calls f n times at the same time.
func atOnce(n int, f func(i int) error) []error {
	errs := make([]error, n)
	var ready, all sync.WaitGroup
	ready.Add(1)
	for i := range n {
		all.Go(func() {
			ready.Wait()
			errs[i] = f(i)
		})
	}
	ready.Done()
	all.Wait()
	return errs
}

func draftOfNothing(ctx context.Context, s jobs.Store) error {
	j := givenJob(ctx, s, "stock")
	d := givenJob(ctx, s, "", draftOf(j))
	unknown := newJob("x")
	return errors.Join(
		refused("a draft of an unknown job", s.InsertJob(ctx, at(1), newJob("", draftOf(unknown))), jobs.ErrNotFound),
		refused("a draft of a draft", s.InsertJob(ctx, at(1), newJob("", draftOf(d), ownedBy(clerk))), jobs.ErrNotFound),
		refused("a draft of another tenant", s.InsertJob(ctx, at(1), newJob("", draftOf(j), of(foreign))), jobs.ErrNotFound))
}

func draftList(ctx context.Context, s jobs.Store) error {
	a, b := givenJob(ctx, s, "a", named("A")), givenJob(ctx, s, "b", named("B"))
	first, second := givenJob(ctx, s, "", draftOf(a)), givenJob(ctx, s, "", draftOf(b))
	givenJob(ctx, s, "", draftOf(a), ownedBy(clerk))
	first = givenRevision(ctx, s, first, 5, func(j *jobs.Job) { j.Name = "A too" })
	list := must(s.Drafts(ctx, tenant, owner))
	if len(list) != 2 {
		return fmt.Errorf("%d drafts are listed, want 2", len(list))
	}
	return errors.Join(same("the first draft", list[0].Job, first), same("its original", list[0].Original, a),
		same("the second draft", list[1].Job, second), same("its original", list[1].Original, b),
		same("drafts of nobody", len(must(s.Drafts(ctx, tenant, "zoe"))), 0), same("drafts in another tenant", len(must(s.Drafts(ctx, foreign, owner))), 0))
}

func draftEditors(ctx context.Context, s jobs.Store) error {
	j := givenJob(ctx, s, "stock")
	late := givenJob(ctx, s, "", draftOf(j), func(d *jobs.Job) { d.CreatedAt = at(2) })
	early := givenJob(ctx, s, "", draftOf(j), ownedBy(clerk))
	early = givenRevision(ctx, s, early, 7, func(j *jobs.Job) { j.Name = "Changed" })
	want := []jobs.Editor{
		{DraftID: early.ID, User: clerk, CreatedAt: t0, UpdatedAt: at(7)}, {DraftID: late.ID, User: owner, CreatedAt: at(2), UpdatedAt: t0},
	}
	return errors.Join(same("the editors", must(s.Editors(ctx, tenant, j.ID)), want),
		same("the editors of a foreign job", len(must(s.Editors(ctx, foreign, j.ID))), 0))
}

// landed is the original as a commit would store it.
func landed(j *jobs.Job, minute int, change func(*jobs.Job)) *jobs.Job {
	next := *j
	next.Actions = append([]jobs.Action(nil), j.Actions...)
	next.Revision, next.UpdatedAt, next.DefnUpdatedAt = j.Revision+1, at(minute), at(minute)
	change(&next)
	return &next
}

func rename(name string) func(*jobs.Job) { return func(j *jobs.Job) { j.Name = name } }

func draftCommit(ctx context.Context, s jobs.Store) error {
	j := givenJob(ctx, s, "stock")
	d := givenJob(ctx, s, "", draftOf(j))
	next := landed(j, 1, func(j *jobs.Job) {
		minutely(j)
		j.Name, j.NextRunAt, j.Note = "Landed", at(2), jobs.RevisionNote{By: clerk, Changes: []string{"renamed"}}
		acting("webhook")(j)
	})
	done(s.CommitDraft(ctx, at(1), next, 1, d.ID, 1))
	_, gone := s.Job(ctx, tenant, jobs.JobRef{ID: d.ID})
	_, draftGone := s.Draft(ctx, tenant, j.ID, owner)
	noted := must(s.Revision(ctx, tenant, j.ID, 2)).RevisionNote
	next.Note = jobs.RevisionNote{}
	return errors.Join(same("the original", readJob(ctx, s, j), next), refused("the draft", gone, jobs.ErrNotFound),
		refused("the draft by its user", draftGone, jobs.ErrNotFound), same("the note", noted, jobs.RevisionNote{By: clerk, Changes: []string{"renamed"}}))
}

func draftCommitUnchanged(ctx context.Context, s jobs.Store) error {
	j := givenJob(ctx, s, "stock")
	d := givenJob(ctx, s, "", draftOf(j))
	done(s.CommitDraft(ctx, at(1), j, 1, d.ID, 1))
	_, gone := s.Job(ctx, tenant, jobs.JobRef{ID: d.ID})
	return errors.Join(same("the original", readJob(ctx, s, j), j), refused("the draft", gone, jobs.ErrNotFound))
}

func draftCommitBase(ctx context.Context, s jobs.Store) error {
	j := givenJob(ctx, s, "stock")
	d := givenJob(ctx, s, "", draftOf(j))
	now := givenRevision(ctx, s, j, 1, rename("Changed"))
	err := s.CommitDraft(ctx, at(2), landed(j, 2, rename("Landed")), 1, d.ID, 1)
	return errors.Join(refused("CommitDraft", err, jobs.ErrPrecondition), same("the original", readJob(ctx, s, j), now), same("the draft", readJob(ctx, s, d), d))
}

func draftCommitChanged(ctx context.Context, s jobs.Store) error {
	j := givenJob(ctx, s, "stock")
	d := givenJob(ctx, s, "", draftOf(j))
	now := givenRevision(ctx, s, d, 1, rename("Changed"))
	err := s.CommitDraft(ctx, at(2), landed(j, 2, rename("Landed")), 1, d.ID, 1)
	return errors.Join(refused("CommitDraft", err, jobs.ErrPrecondition), same("the original", readJob(ctx, s, j), j), same("the draft", readJob(ctx, s, d), now))
}

func draftCommitUnknown(ctx context.Context, s jobs.Store) error {
	j, other := givenJob(ctx, s, "stock"), givenJob(ctx, s, "sales")
	d := givenJob(ctx, s, "", draftOf(other))
	next := landed(j, 2, rename("Landed"))
	elsewhere := landed(other, 2, rename("Landed"))
	elsewhere.Tenant = foreign
	return errors.Join(
		refused("an unknown draft", s.CommitDraft(ctx, at(2), next, 1, jobs.NewID(), 1), jobs.ErrNotFound),
		refused("a draft of another job", s.CommitDraft(ctx, at(2), next, 1, d.ID, 1), jobs.ErrNotFound),
		refused("another tenant", s.CommitDraft(ctx, at(2), elsewhere, 1, d.ID, 1), jobs.ErrNotFound),
		same("the original", readJob(ctx, s, j), j), same("the other", readJob(ctx, s, other), other), same("the draft", readJob(ctx, s, d), d))
}

func draftReplace(ctx context.Context, s jobs.Store) error {
	j := givenJob(ctx, s, "stock")
	d := givenJob(ctx, s, "", draftOf(j))
	next := newJob("", draftOf(j), named("Restored"))
	stale := s.ReplaceDraft(ctx, at(1), d.ID, 2, next)
	unknown := s.ReplaceDraft(ctx, at(1), jobs.NewID(), 1, next)
	kept := same("the draft before", must(s.Draft(ctx, tenant, j.ID, owner)), d)
	done(s.ReplaceDraft(ctx, at(1), d.ID, 1, next))
	_, gone := s.Job(ctx, tenant, jobs.JobRef{ID: d.ID})
	return errors.Join(refused("another revision", stale, jobs.ErrPrecondition), refused("an unknown draft", unknown, jobs.ErrNotFound), kept,
		same("the new draft", must(s.Draft(ctx, tenant, j.ID, owner)), next), refused("the old one", gone, jobs.ErrNotFound))
}

func draftCommitRace(ctx context.Context, s jobs.Store) error {
	j := givenJob(ctx, s, "stock")
	var drafts []*jobs.Job
	for i := range 6 {
		drafts = append(drafts, givenJob(ctx, s, "", draftOf(j), ownedBy(jobs.PrincipalID(fmt.Sprintf("user-%d", i)))))
	}
	errs := atOnce(len(drafts), func(i int) error {
		return s.CommitDraft(ctx, at(1), landed(j, 1, rename(string(drafts[i].OwnerID))), 1, drafts[i].ID, 1)
	})
	winner := ""
	for i, err := range errs {
		switch {
		case err == nil && winner == "":
			winner = string(drafts[i].OwnerID)
		case !errors.Is(err, jobs.ErrPrecondition):
			return holds(false, "commit %d: %v after %q has won; want ErrPrecondition", i, err, winner)
		}
	}
	now := readJob(ctx, s, j)
	return errors.Join(same("the name", now.Name, winner), same("the revision", now.Revision, int64(2)),
		same("drafts that are left", len(must(s.Editors(ctx, tenant, j.ID))), len(drafts)-1))
}

func draftCommitRuns(ctx context.Context, s jobs.Store) error {
	j := givenJob(ctx, s, "stock", allowing(2))
	givenRuns(ctx, s, j, t0, 2)
	h := givenWorker(ctx, s, "node-a")
	running := h.take(ctx, s, t0)
	d := givenJob(ctx, s, "", draftOf(j))
	done(s.CommitDraft(ctx, at(1), landed(j, 1, func(j *jobs.Job) {
		j.Name = "Landed"
		acting("webhook")(j)
	}), 1, d.ID, 1))
	before := must(s.Run(ctx, tenant, running.Run.ID))
	claimed := h.take(ctx, s, at(2))
	return errors.Join(same("revision of the running run", before.Revision, int64(1)), same("its steps", len(before.Steps), 1),
		same("revision of the queued run", claimed.Run.Revision, int64(2)), same("its definition", claimed.Definition.Name, "Landed"))
}

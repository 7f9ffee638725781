package storagetest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/carillon-go/carillon/jobs"
)

func revisionRules() []rule {
	return []rule{
		{"a definition is read by its revision", revisionRead},
		{"a revision that was never made is not found", revisionUnknown},
		{"a revision is kept for its runs", revisionKept},
		{"a queued run takes the new revision, a running one keeps its own", revisionOfRuns},
		{"a saved job with another driver is claimed by workers that have it", revisionRouting},
		{"a save that keeps the revision keeps its definition", revisionUnchanged},
		{"steps of a run that ended are those of its revision", revisionSteps},
		{"revisions are listed newest first, with who made them and what is new", revisionList},
		{"a revision is read with its note and its definition", revisionNote},
		{"of many revisions the newest are kept", revisionRetention},
		{"an old revision is kept as long as a run that executed it", revisionKeptForRun},
		{"an old revision is kept as long as a draft that was made from it", revisionKeptForDraft},
		{"the first revision of a draft is kept", revisionOfDraftKept},
	}
}

// givenRevision saves the job with a change as its next revision.
func givenRevision(ctx context.Context, s jobs.Store, j *jobs.Job, minute int, change func(*jobs.Job)) *jobs.Job {
	next := *j
	next.Actions = append([]jobs.Action(nil), j.Actions...)
	next.Revision, next.UpdatedAt, next.DefnUpdatedAt = j.Revision+1, at(minute), at(minute)
	change(&next)
	done(s.SaveJob(ctx, at(minute), &next, j.Revision))
	return &next
}

func revisionRead(ctx context.Context, s jobs.Store) error {
	j := fullJob()
	done(s.InsertJob(ctx, t0, j))
	givenRun(ctx, s, j, t0)
	givenWorker(ctx, s, "node-a").take(ctx, s, t0)
	next := givenRevision(ctx, s, j, 1, func(j *jobs.Job) { j.Name, j.Data = "Changed", json.RawMessage(`{"b":2}`) })
	return errors.Join(same("revision 1", *must(s.Definition(ctx, tenant, j.ID, 1)), j.Definition),
		same("revision 2", *must(s.Definition(ctx, tenant, j.ID, 2)), next.Definition))
}

func revisionUnknown(ctx context.Context, s jobs.Store) error {
	j := givenJob(ctx, s, "stock")
	_, two := s.Definition(ctx, tenant, j.ID, 2)
	_, zero := s.Definition(ctx, tenant, j.ID, 0)
	_, unknown := s.Definition(ctx, tenant, jobs.NewID(), 1)
	return errors.Join(refused("revision 2", two, jobs.ErrNotFound), refused("revision 0", zero, jobs.ErrNotFound),
		refused("an unknown job", unknown, jobs.ErrNotFound))
}

func revisionKept(ctx context.Context, s jobs.Store) error {
	j := givenJob(ctx, s, "stock")
	h := givenWorker(ctx, s, "node-a")
	r := givenEnded(ctx, s, h, j, at(1), jobs.RunSuccess)
	latest := j
	for minute := 2; minute < 6; minute++ {
		latest = givenRevision(ctx, s, latest, minute, func(j *jobs.Job) { j.Name += "+" })
	}
	first, err := s.Definition(ctx, tenant, j.ID, r.Revision)
	if err != nil {
		return err
	}
	return errors.Join(same("the name of the first", first.Name, "stock"),
		same("the name of the latest", must(s.Definition(ctx, tenant, j.ID, 5)).Name, "stock++++"))
}

func revisionOfRuns(ctx context.Context, s jobs.Store) error {
	j := givenJob(ctx, s, "stock", allowing(2))
	runs := givenRuns(ctx, s, j, t0, 2)
	h := givenWorker(ctx, s, "node-a")
	running := h.take(ctx, s, t0)
	givenRevision(ctx, s, j, 1, func(j *jobs.Job) {
		j.Name, j.Data = "changed", json.RawMessage(`{"b":2}`)
		acting("webhook")(j)
	})
	waiting := runs[0].ID
	if waiting == running.Run.ID {
		waiting = runs[1].ID
	}
	queued, before := must(s.Run(ctx, tenant, waiting)), must(s.Run(ctx, tenant, running.Run.ID))
	claimed := h.take(ctx, s, at(2))
	_, held, err := s.HeldRuns(ctx, h.id)
	for _, c := range held {
		want := "stock"
		if c.Run.ID == waiting {
			want = "changed"
		}
		err = errors.Join(err, same("the definition of a held run", c.Definition.Name, want))
	}
	return errors.Join(err, same("revision of the queued run", queued.Revision, int64(2)), same("steps of the queued run", len(queued.Steps), 2),
		same("revision of the running run", before.Revision, int64(1)), same("steps of the running run", len(before.Steps), 1),
		same("revision of the claimed run", claimed.Run.Revision, int64(2)), same("the claimed definition", claimed.Definition.Name, "changed"),
		same("steps of the claimed run", len(claimed.Run.Steps), 2))
}

func revisionRouting(ctx context.Context, s jobs.Store) error {
	j := givenJob(ctx, s, "stock")
	givenRun(ctx, s, j, t0)
	plain, full := givenWorker(ctx, s, "node-a"), givenWorker(ctx, s, "node-b")
	plain.has = func(kind jobs.DriverKind, id string) bool { return kind == jobs.DriverJob }
	givenRevision(ctx, s, j, 1, acting("webhook"))
	refused := plain.turn(ctx, s, at(1), 1)
	return errors.Join(same("runs claimed without the new driver", len(refused.Claimed), 0),
		same("runs claimed with it", len(full.turn(ctx, s, at(1), 1).Claimed), 1))
}

func revisionUnchanged(ctx context.Context, s jobs.Store) error {
	j := fullJob()
	done(s.InsertJob(ctx, t0, j))
	want := must(s.Definition(ctx, tenant, j.ID, 1))
	j.Enabled, j.NextRunAt, j.UpdatedAt = false, at(0).AddDate(0, 1, 0), at(1)
	done(s.SaveJob(ctx, at(1), j, 1))
	return same("revision 1", must(s.Definition(ctx, tenant, j.ID, 1)), want)
}

func revisionSteps(ctx context.Context, s jobs.Store) error {
	j := givenJob(ctx, s, "stock", acting("webhook"))
	h := givenWorker(ctx, s, "node-a")
	r := givenRun(ctx, s, j, t0)
	c := h.take(ctx, s, t0)
	givenRevision(ctx, s, j, 1, acting("email"))
	o := outcome(c)
	o.End = &jobs.RunEnd{Status: jobs.RunError, Error: "no driver", At: at(2)}
	h.turn(ctx, s, at(2), 0, o)
	canceled := givenRun(ctx, s, j, at(3))
	must(s.CancelRun(ctx, at(3), tenant, canceled.ID, clerk))
	return errors.Join(same("steps of the ended run", len(must(s.Run(ctx, tenant, r.ID)).Steps), 2),
		same("steps of the canceled run", len(must(s.Run(ctx, tenant, canceled.ID)).Steps), 3))
}

func revisionList(ctx context.Context, s jobs.Store) error {
	j := newJob("stock")
	j.Note = jobs.RevisionNote{By: owner}
	done(s.InsertJob(ctx, t0, j))
	next := givenRevision(ctx, s, j, 1, func(j *jobs.Job) {
		j.Name, j.OwnerID, j.Note = "Second", clerk, jobs.RevisionNote{By: clerk, Changes: []string{"name", "owner"}}
	})
	givenRevision(ctx, s, next, 2, func(j *jobs.Job) { j.Name, j.Note = "Third", jobs.RevisionNote{} })
	want := []jobs.Revision{
		{JobID: j.ID, Number: 3, OwnerID: clerk, CreatedAt: at(2), RevisionNote: jobs.RevisionNote{Changes: []string{}}},
		{JobID: j.ID, Number: 2, OwnerID: clerk, CreatedAt: at(1), RevisionNote: jobs.RevisionNote{By: clerk, Changes: []string{"name", "owner"}}},
		{JobID: j.ID, Number: 1, OwnerID: owner, CreatedAt: t0, RevisionNote: jobs.RevisionNote{By: owner, Changes: []string{}}},
	}
	all := must(s.Revisions(ctx, jobs.RevisionQuery{Tenant: tenant, JobID: j.ID}))
	part := must(s.Revisions(ctx, jobs.RevisionQuery{Tenant: tenant, JobID: j.ID, Start: 1, Limit: 1}))
	unknown := must(s.Revisions(ctx, jobs.RevisionQuery{Tenant: tenant, JobID: jobs.NewID()}))
	other := must(s.Revisions(ctx, jobs.RevisionQuery{Tenant: foreign, JobID: j.ID}))
	return errors.Join(same("the list", all, jobs.Page[jobs.Revision]{Items: want, Total: 3}),
		same("a page", part, jobs.Page[jobs.Revision]{Items: want[1:2], Total: 3}),
		same("revisions of an unknown job", unknown.Total, 0), same("revisions of a foreign job", len(other.Items)+other.Total, 0))
}

func revisionNote(ctx context.Context, s jobs.Store) error {
	j := fullJob()
	j.Note = jobs.RevisionNote{By: clerk, Changes: []string{"ÅÄÖ \"x\""}}
	done(s.InsertJob(ctx, t0, j))
	got := must(s.Revision(ctx, tenant, j.ID, 1))
	want := &jobs.Revision{JobID: j.ID, Number: 1, OwnerID: owner, CreatedAt: t0, RevisionNote: j.Note, Definition: &j.Definition}
	_, two := s.Revision(ctx, tenant, j.ID, 2)
	_, other := s.Revision(ctx, foreign, j.ID, 1)
	return errors.Join(same("the revision", got, want), refused("revision 2", two, jobs.ErrNotFound), refused("from another tenant", other, jobs.ErrNotFound))
}

// givenRevisions saves the job until it has that many revisions.
func givenRevisions(ctx context.Context, s jobs.Store, j *jobs.Job, n int64) *jobs.Job {
	for j.Revision < n {
		j = givenRevision(ctx, s, j, int(j.Revision), func(j *jobs.Job) { j.Data = json.RawMessage(fmt.Sprintf(`{"n":%d}`, j.Revision)) })
	}
	return j
}

// keptRevisions tells which of the first revisions are kept.
func keptRevisions(ctx context.Context, s jobs.Store, j *jobs.Job, first ...int64) error {
	var errs []error
	list := must(s.Revisions(ctx, jobs.RevisionQuery{Tenant: tenant, JobID: j.ID}))
	errs = append(errs, same("the number of revisions", list.Total, len(first)+jobs.KeptRevisions))
	for i, n := range first {
		errs = append(errs, same("an old revision", list.Items[len(list.Items)-1-i].Number, n))
	}
	return errors.Join(errs...)
}

func revisionRetention(ctx context.Context, s jobs.Store) error {
	j := givenRevisions(ctx, s, givenJob(ctx, s, "stock"), jobs.KeptRevisions)
	all := keptRevisions(ctx, s, j)
	j = givenRevisions(ctx, s, j, jobs.KeptRevisions+3)
	_, third := s.Revision(ctx, tenant, j.ID, 3)
	_, fourth := s.Revision(ctx, tenant, j.ID, 4)
	return errors.Join(all, keptRevisions(ctx, s, j), refused("revision 3", third, jobs.ErrNotFound), fourth)
}

func revisionKeptForRun(ctx context.Context, s jobs.Store) error {
	j := givenJob(ctx, s, "stock", allowing(3))
	h := givenWorker(ctx, s, "node-a")
	ended, deleted := givenEnded(ctx, s, h, j, at(1), jobs.RunSuccess), givenEnded(ctx, s, h, j, at(1), jobs.RunError)
	second := givenRevision(ctx, s, j, 2, rename("Second"))
	givenRun(ctx, s, second, at(2))
	live := h.take(ctx, s, at(2))
	last := givenRevisions(ctx, s, second, jobs.KeptRevisions+3)
	both := keptRevisions(ctx, s, last, 1, 2)
	done(s.DeleteRun(ctx, tenant, j.ID, deleted.ID))
	one := keptRevisions(ctx, s, last, 1, 2)
	done(s.DeleteRun(ctx, tenant, j.ID, ended.ID))
	still := keptRevisions(ctx, s, last, 2)
	o := outcome(live)
	o.End = &jobs.RunEnd{Status: jobs.RunError, Error: "no driver", At: at(200)}
	h.turn(ctx, s, at(200), 0, o)
	history := keptRevisions(ctx, s, last, 2)
	done(s.DeleteRun(ctx, tenant, j.ID, live.Run.ID))
	return errors.Join(both, one, still, history, keptRevisions(ctx, s, last))
}

func revisionKeptForDraft(ctx context.Context, s jobs.Store) error {
	j := givenJob(ctx, s, "stock")
	second := givenRevision(ctx, s, j, 1, rename("Second"))
	d := givenJob(ctx, s, "", draftOf(second)) // its source is revision 1, its base revision 2
	last := givenRevisions(ctx, s, second, jobs.KeptRevisions+4)
	before := keptRevisions(ctx, s, last, 1, 2)
	done(s.DeleteJob(ctx, at(200), tenant, d.ID, 0, false))
	after := keptRevisions(ctx, s, last)
	other := givenJob(ctx, s, "", draftOf(last))
	end := landed(last, 201, rename("Landed"))
	done(s.CommitDraft(ctx, at(201), end, last.Revision, other.ID, 1))
	return errors.Join(before, after, keptRevisions(ctx, s, end))
}

func revisionOfDraftKept(ctx context.Context, s jobs.Store) error {
	d := givenRevisions(ctx, s, givenJob(ctx, s, "", draftOf(givenJob(ctx, s, "stock"))), jobs.KeptRevisions+3)
	return keptRevisions(ctx, s, d, 1)
}

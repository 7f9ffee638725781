package storagetest

import (
	"context"
	"encoding/json"
	"errors"

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

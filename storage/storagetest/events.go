package storagetest

import (
	"context"
	"errors"
	"fmt"

	"github.com/carillon-go/carillon/jobs"
)

func eventRules() []rule {
	return []rule{
		{"events are the run as it is and the entries after a number, oldest first", eventsAfter},
		{"events have no more entries than asked for, the oldest ones", eventsLimit},
		{"steps that changed have a greater number", eventsSteps},
		{"events of an ended run are read as those of a live one", eventsEnded},
		{"events of an unknown run, or one of another tenant, are not found", eventsUnknown},
	}
}

func eventSeqs(entries []jobs.LogEntry) string {
	seqs := make([]int64, len(entries))
	for i, e := range entries {
		seqs[i] = e.Seq
	}
	return fmt.Sprint(seqs)
}

func eventsAfter(ctx context.Context, s jobs.Store) error {
	c, _, entries := givenLog(ctx, s)
	base := entries[0].Seq - 1
	run, all, err := s.Events(ctx, tenant, c.Run.ID, base, 100)
	done(err)
	_, some, err := s.Events(ctx, tenant, c.Run.ID, entries[2].Seq, 100)
	done(err)
	_, none, err := s.Events(ctx, tenant, c.Run.ID, entries[4].Seq, 100)
	return errors.Join(err, same("the run", run, must(s.Run(ctx, tenant, c.Run.ID))), same("all entries", withoutIDs(all), entries),
		same("entries after the third", withoutIDs(some), entries[3:]), same("entries after the last", len(none), 0))
}

func eventsLimit(ctx context.Context, s jobs.Store) error {
	c, _, entries := givenLog(ctx, s)
	_, first, err := s.Events(ctx, tenant, c.Run.ID, entries[0].Seq, 2)
	return errors.Join(err, same("numbers", eventSeqs(first), eventSeqs(entries[1:3])))
}

func eventsSteps(ctx context.Context, s jobs.Store) error {
	givenRun(ctx, s, givenJob(ctx, s, "stock", acting("webhook", "email")), t0)
	h := givenWorker(ctx, s, "node-a")
	c := h.take(ctx, s, t0)
	before := must(s.Run(ctx, tenant, c.Run.ID)).Seq
	o := proceeds(c, at(1))
	h.turn(ctx, s, at(1), 0, o)
	run, _, err := s.Events(ctx, tenant, c.Run.ID, before, 10)
	done(err)
	changed := 0
	for i := range run.Steps {
		if run.Steps[i].Seq > before {
			changed++
		}
	}
	return errors.Join(same("steps that changed", changed, 2), same("Seq of the run", run.Seq, o.Seq))
}

func eventsEnded(ctx context.Context, s jobs.Store) error {
	c, h, entries := givenLog(ctx, s)
	h.turn(ctx, s, at(6), 0, ends(c, jobs.RunError, at(6)))
	run, after, err := s.Events(ctx, tenant, c.Run.ID, entries[1].Seq, 10)
	done(err)
	return errors.Join(same("status", run.Status, jobs.RunError), same("entries", withoutIDs(after), entries[2:]),
		holds(run.Seq > entries[4].Seq, "the end has number %d, the last entry %d", run.Seq, entries[4].Seq))
}

func eventsUnknown(ctx context.Context, s jobs.Store) error {
	c, _, _ := givenLog(ctx, s)
	_, _, unknown := s.Events(ctx, tenant, jobs.NewRunID(), 0, 10)
	_, _, other := s.Events(ctx, foreign, c.Run.ID, 0, 10)
	return errors.Join(refused("an unknown run", unknown, jobs.ErrNotFound), refused("a run of another tenant", other, jobs.ErrNotFound))
}

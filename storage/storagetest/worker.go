package storagetest

import (
	"context"
	"errors"
	"strings"

	"github.com/carillon-go/carillon/jobs"
)

func workerRules() []rule {
	return []rule{
		{"a new worker is active with beat 0", workerRoundTrip},
		{"an unknown worker is not found", workerUnknown},
		{"beats are those of the live workers", workerBeats},
		{"a worker shows its runs of one tenant", workerRuns},
		{"a list has all workers but stopped ones, by host name", workerList},
		{"workers are filtered by status, sorted and paged", workerQuery},
		{"a worker without runs is stopped", workerStop},
		{"a worker that holds runs, or is not live, is not stopped", workerStopRefused},
		{"a worker obeys with its next exchange, zero values change nothing", workerSteer},
		{"a worker that is not live is not steered", workerSteerRefused},
		{"only a worker that is not live is deleted", workerDelete},
	}
}

func workerRoundTrip(ctx context.Context, s jobs.Store) error {
	w := jobs.Worker{
		ID: "node-a-4711-0c9e", Hostname: "node-a", PID: 4711, Version: "1.4.0", Status: jobs.WorkerActive, Concurrency: 8,
		JobTypes: []string{"dataset-refresh", "email"}, ActionTypes: []string{"email", "webhook"}, AttachmentTypes: []string{"file", "report"}, StartedAt: t0, HeartbeatAt: t0,
	}
	done(s.RegisterWorker(ctx, t0, w))
	got := must(s.Worker(ctx, w.ID, tenant))
	held, claims, err := s.HeldRuns(ctx, w.ID)
	return errors.Join(err, same("the worker", got, w), same("the worker of HeldRuns", held.ID, w.ID), same("held runs", len(claims), 0),
		instant("StartedAt", got.StartedAt, t0), instant("HeartbeatAt", got.HeartbeatAt, t0))
}

func workerUnknown(ctx context.Context, s jobs.Store) error {
	_, err := s.Worker(ctx, "ghost", tenant)
	return errors.Join(refused("Worker", err, jobs.ErrNotFound), refused("DeleteWorker", s.DeleteWorker(ctx, "ghost"), jobs.ErrNotFound))
}

func workerBeats(ctx context.Context, s jobs.Store) error {
	a, b, c, d := givenWorker(ctx, s, "a"), givenWorker(ctx, s, "b"), givenWorker(ctx, s, "c"), givenWorker(ctx, s, "d")
	a.turn(ctx, s, at(1), 0)
	a.turn(ctx, s, at(2), 0)
	done(s.SteerWorker(ctx, b.id, jobs.WorkerDraining, 0))
	must(s.TakeOver(ctx, at(3), c.id, 0, lostReason))
	done(s.StopWorker(ctx, at(3), d.id))
	got := map[jobs.WorkerID]int64{}
	for _, beat := range must(s.Beats(ctx)) {
		got[beat.ID] = beat.Beat
		if beat.Dead {
			return holds(false, "worker %s of this process is told dead", beat.ID)
		}
	}
	return same("beats", got, map[jobs.WorkerID]int64{a.id: 2, b.id: 0})
}

func workerRuns(ctx context.Context, s jobs.Store) error {
	mine, theirs := givenJob(ctx, s, "stock"), givenJob(ctx, s, "stock", of(foreign))
	givenRun(ctx, s, mine, t0)
	givenRun(ctx, s, theirs, t0)
	h := givenWorker(ctx, s, "node-a")
	var run jobs.Claim
	for _, c := range h.claim(ctx, s, at(1), 2) {
		if c.Run.Tenant == tenant {
			run = c
		}
	}
	want := []jobs.WorkerRun{{JobID: mine.ID, RunID: run.Run.ID, StartedAt: at(1)}}
	one := must(s.Worker(ctx, h.id, tenant))
	listed := must(s.Workers(ctx, jobs.WorkerQuery{Tenant: tenant})).Items
	stranger := must(s.Worker(ctx, h.id, "third"))
	return errors.Join(same("CurrentRuns", one.CurrentRuns, want), same("Running", one.Running, 2), same("the list", listed, []jobs.Worker{one}),
		same("CurrentRuns of another tenant", len(stranger.CurrentRuns), 0), same("Running for another tenant", stranger.Running, 2))
}

func hostnames(ctx context.Context, s jobs.Store, q jobs.WorkerQuery) string {
	var names []string
	for _, w := range must(s.Workers(ctx, q)).Items {
		names = append(names, w.Hostname)
	}
	return strings.Join(names, " ")
}

func workerList(ctx context.Context, s jobs.Store) error {
	givenWorker(ctx, s, "b")
	lost, stopped, draining := givenWorker(ctx, s, "C"), givenWorker(ctx, s, "d"), givenWorker(ctx, s, "a")
	must(s.TakeOver(ctx, at(1), lost.id, 0, lostReason))
	done(s.StopWorker(ctx, at(1), stopped.id))
	done(s.SteerWorker(ctx, draining.id, jobs.WorkerDraining, 0))
	return same("host names", hostnames(ctx, s, jobs.WorkerQuery{Tenant: tenant}), "a b C")
}

func workerQuery(ctx context.Context, s jobs.Store) error {
	for i, host := range []string{"a", "b", "c"} {
		h := &hand{id: jobs.WorkerID(host), has: func(jobs.DriverKind, string) bool { return true }}
		w := h.row(host)
		w.StartedAt, w.HeartbeatAt = at(10-i), at(10-i)
		done(s.RegisterWorker(ctx, at(10-i), w))
	}
	givenRun(ctx, s, givenJob(ctx, s, "stock"), at(11))
	b := &hand{id: "b", has: func(jobs.DriverKind, string) bool { return true }}
	b.take(ctx, s, at(12))
	done(s.StopWorker(ctx, at(13), "c"))
	all := []jobs.WorkerStatus{jobs.WorkerActive, jobs.WorkerStopped}
	by := func(field string, descending bool) string {
		return hostnames(ctx, s, jobs.WorkerQuery{Statuses: all, Sort: []jobs.SortKey{{Field: field, Descending: descending}}})
	}
	page := must(s.Workers(ctx, jobs.WorkerQuery{Statuses: all, Start: 1, Limit: 1}))
	_, unknown := s.Workers(ctx, jobs.WorkerQuery{Sort: []jobs.SortKey{{Field: "pid"}}})
	return errors.Join(
		same("stopped ones", hostnames(ctx, s, jobs.WorkerQuery{Statuses: []jobs.WorkerStatus{jobs.WorkerStopped}}), "c"),
		same("by host name descending", by("hostname", true), "c b a"), same("by startedAt", by("startedAt", false), "c b a"),
		same("by heartbeatAt descending", by("heartbeatAt", true), "b a c"), same("first by running descending", by("running", true)[:1], "b"),
		same("Total", page.Total, 3), same("the page", page.Items[0].Hostname, "b"), same("workers of the page", len(page.Items), 1),
		holds(unknown != nil, "a sort by no field of WorkerSortFields is accepted"),
	)
}

func workerStop(ctx context.Context, s jobs.Store) error {
	h := givenWorker(ctx, s, "node-a")
	done(s.StopWorker(ctx, at(1), h.id))
	w := must(s.Worker(ctx, h.id, tenant))
	return errors.Join(same("Status", w.Status, jobs.WorkerStopped), instant("StoppedAt", w.StoppedAt, at(1)))
}

func workerStopRefused(ctx context.Context, s jobs.Store) error {
	givenRun(ctx, s, givenJob(ctx, s, "stock"), t0)
	h, lost := givenWorker(ctx, s, "node-a"), givenWorker(ctx, s, "node-b")
	c := h.take(ctx, s, t0)
	holding := s.StopWorker(ctx, at(1), h.id)
	must(s.TakeOver(ctx, at(1), lost.id, 0, lostReason))
	notLive := s.StopWorker(ctx, at(1), lost.id)
	h.turn(ctx, s, at(2), 0, ends(c, jobs.RunSuccess, at(2)))
	done(s.StopWorker(ctx, at(3), h.id))
	twice := s.StopWorker(ctx, at(4), h.id)
	return errors.Join(conflict("a worker with a run", holding, "", ""), conflict("a lost worker", notLive, "", ""), conflict("a stopped worker", twice, "", ""),
		same("the lost worker", must(s.Worker(ctx, lost.id, tenant)).Status, jobs.WorkerLost))
}

func workerSteer(ctx context.Context, s jobs.Store) error {
	h := givenWorker(ctx, s, "node-a")
	done(s.SteerWorker(ctx, h.id, jobs.WorkerDraining, 3))
	first := h.turn(ctx, s, at(1), 0)
	done(s.SteerWorker(ctx, h.id, "", 0))
	second := h.turn(ctx, s, at(2), 0)
	done(s.SteerWorker(ctx, h.id, jobs.WorkerActive, 0))
	done(s.SteerWorker(ctx, h.id, "", 5))
	third := h.turn(ctx, s, at(3), 0)
	w := must(s.Worker(ctx, h.id, tenant))
	return errors.Join(same("Status", first.Status, jobs.WorkerDraining), same("Concurrency", first.Concurrency, 3),
		same("Status after zero values", second.Status, jobs.WorkerDraining), same("Concurrency after zero values", second.Concurrency, 3),
		same("Status at last", third.Status, jobs.WorkerActive), same("Concurrency at last", third.Concurrency, 5), same("the row", w.Concurrency, 5))
}

func workerSteerRefused(ctx context.Context, s jobs.Store) error {
	lost, stopped := givenWorker(ctx, s, "a"), givenWorker(ctx, s, "b")
	must(s.TakeOver(ctx, at(1), lost.id, 0, lostReason))
	done(s.StopWorker(ctx, at(1), stopped.id))
	return errors.Join(conflict("a lost worker", s.SteerWorker(ctx, lost.id, jobs.WorkerActive, 1), "", ""),
		conflict("a stopped worker", s.SteerWorker(ctx, stopped.id, jobs.WorkerActive, 1), "", ""),
		same("the lost worker", must(s.Worker(ctx, lost.id, tenant)).Status, jobs.WorkerLost))
}

func workerDelete(ctx context.Context, s jobs.Store) error {
	former := givenWorker(ctx, s, "z")
	r := givenEnded(ctx, s, former, givenJob(ctx, s, "stock"), t0, jobs.RunSuccess)
	live, lost, stopped := givenWorker(ctx, s, "a"), givenWorker(ctx, s, "b"), givenWorker(ctx, s, "c")
	must(s.TakeOver(ctx, at(1), lost.id, 0, lostReason))
	done(s.StopWorker(ctx, at(1), stopped.id))
	done(s.StopWorker(ctx, at(1), former.id))
	err := s.DeleteWorker(ctx, live.id)
	done(s.DeleteWorker(ctx, lost.id))
	done(s.DeleteWorker(ctx, stopped.id))
	done(s.DeleteWorker(ctx, former.id))
	_, gone := s.Worker(ctx, lost.id, tenant)
	_, still := s.Run(ctx, tenant, r.ID)
	return errors.Join(conflict("a live worker", err, "", ""), refused("the deleted worker", gone, jobs.ErrNotFound), still,
		refused("a second delete", s.DeleteWorker(ctx, lost.id), jobs.ErrNotFound), same("workers", hostnames(ctx, s, jobs.WorkerQuery{}), "a"))
}

package storagetest

import (
	"context"
	"errors"
	"time"

	"github.com/carillon-go/carillon/jobs"
)

func waitRules() []rule {
	return []rule{
		{"only queued runs of the tenant wait for something", waitNone},
		{"a run beside another one of its job waits for that", waitBlocked},
		{"a run in a pause waits for a moment", waitPause},
		{"without a worker that is alive and active a run waits for one", waitNoWorker},
		{"drivers that no worker has are named", waitNoDriver},
		{"a full tenant is named with the runs that fill it", waitTenant},
		{"a full cluster names runs of the own tenant alone", waitCluster},
		{"a run waits for a busy worker that has its drivers", waitWorker},
		{"a run that could be taken waits for those before it", waitTurn},
		{"only runs of readable jobs are named, longest running first", waitReadable},
	}
}

// waitOf asks why runs wait, as somebody who may read everything of the tenant.
func waitsOf(ctx context.Context, s jobs.Store, now time.Time, runs ...jobs.Run) map[jobs.RunID]jobs.Wait {
	return must(s.Waits(ctx, now, jobs.WaitQuery{Tenant: tenant, Runs: ids(runs)}))
}

func holder(j *jobs.Job, r jobs.Run, since time.Time) jobs.WaitHolder {
	return jobs.WaitHolder{JobID: j.ID, JobName: j.Name, RunID: r.ID, StartedAt: since}
}

func waitNone(ctx context.Context, s jobs.Store) error {
	a := givenAlbum(ctx, s)
	other := givenRun(ctx, s, givenJob(ctx, s, "other", of(foreign)), t0)
	all := append([]jobs.RunID{jobs.NewRunID(), other.ID}, a.runs...)
	got := must(s.Waits(ctx, at(4), jobs.WaitQuery{Tenant: tenant, Runs: all}))
	_, queued := got[a.runs[5]]
	return errors.Join(same("runs that wait", len(got), 1), holds(queued, "the queued run has no reason"),
		same("without a question", len(must(s.Waits(ctx, at(4), jobs.WaitQuery{Tenant: tenant}))), 0))
}

func waitBlocked(ctx context.Context, s jobs.Store) error {
	j := givenJob(ctx, s, "stock", overlap(jobs.OverlapQueue))
	first := givenRun(ctx, s, j, t0)
	second := givenRun(ctx, s, j, at(1))
	queued := waitsOf(ctx, s, at(1), second)[second.ID]
	givenWorker(ctx, s, "node-a").take(ctx, s, at(2))
	running := waitsOf(ctx, s, at(3), second)[second.ID]
	return errors.Join(
		same("beside a queued run", queued, jobs.Wait{Reason: jobs.WaitBlocked, Holders: []jobs.WaitHolder{holder(j, first, time.Time{})}}),
		same("beside a running run", running, jobs.Wait{Reason: jobs.WaitBlocked, Holders: []jobs.WaitHolder{holder(j, first, at(2))}}))
}

func waitPause(ctx context.Context, s jobs.Store) error {
	j := givenJob(ctx, s, "stock")
	later := ask(givenJob(ctx, s, "later"))
	later.NotBefore = at(30)
	delayed := must(s.StartRuns(ctx, t0, later))[0]
	paused := givenRun(ctx, s, j, t0)
	h := givenWorker(ctx, s, "node-a")
	o := outcome(h.take(ctx, s, t0))
	o.Requeue = &jobs.Requeue{NotBefore: at(20)}
	h.turn(ctx, s, at(1), 0, o)
	got := waitsOf(ctx, s, at(2), delayed, paused)
	over := waitsOf(ctx, s, at(20), paused)[paused.ID]
	return errors.Join(same("a start that was put off", got[delayed.ID], jobs.Wait{Reason: jobs.WaitPause, Until: at(30)}),
		same("a pause before a retry", got[paused.ID], jobs.Wait{Reason: jobs.WaitPause, Until: at(20), Retry: true}),
		holds(over.Reason != jobs.WaitPause, "the pause goes on at its end"))
}

func waitNoWorker(ctx context.Context, s jobs.Store) error {
	r := givenRun(ctx, s, givenJob(ctx, s, "stock"), t0)
	reason := func(now time.Time) jobs.Wait { return waitsOf(ctx, s, now, r)[r.ID] }
	want := jobs.Wait{Reason: jobs.WaitNoWorker}
	none := reason(t0)
	h := givenWorker(ctx, s, "node-a")
	alive, silent := reason(t0.Add(time.Minute)), reason(t0.Add(time.Minute+time.Millisecond))
	done(s.SteerWorker(ctx, h.id, jobs.WorkerDraining, 0))
	return errors.Join(same("without a worker", none, want), same("with a worker", alive, jobs.Wait{Reason: jobs.WaitTurn}),
		same("with a worker that is silent for longer than the time-out", silent, want), same("with a draining worker", reason(t0), want))
}

func waitNoDriver(ctx context.Context, s jobs.Store) error {
	givenWorker(ctx, s, "node-a") // it has the job drivers email and report and the action driver webhook
	apart := givenRun(ctx, s, givenJob(ctx, s, "apart", typed("email"), acting("webhook")), t0)
	lacking := givenRun(ctx, s, givenJob(ctx, s, "lacking", typed("scan"), acting("webhook", "report")), t0)
	attached := givenRun(ctx, s, givenJob(ctx, s, "attached", acting("webhook"), attachingType("chart")), t0)
	got := waitsOf(ctx, s, t0, apart, lacking, attached)
	other := givenWorker(ctx, s, "node-b").row("node-c")
	other.ID, other.JobTypes, other.ActionTypes = "node-c", []string{"scan"}, []string{"report"}
	done(s.RegisterWorker(ctx, t0, other))
	return errors.Join(same("a job whose drivers are there", got[apart.ID], jobs.Wait{Reason: jobs.WaitTurn}),
		same("a job whose drivers are missing", got[lacking.ID],
			jobs.Wait{Reason: jobs.WaitNoDriver, Drivers: []string{`action driver "report"`, `job driver "scan"`}}),
		same("a job of which an attachment driver is missing", got[attached.ID],
			jobs.Wait{Reason: jobs.WaitNoDriver, Drivers: []string{`attachment driver "chart"`}}),
		same("a job whose drivers no single worker has", waitsOf(ctx, s, t0, lacking)[lacking.ID], jobs.Wait{Reason: jobs.WaitNoDriver}))
}

func waitTenant(ctx context.Context, s jobs.Store) error {
	done(s.SetLimits(ctx, tenant, narrow(2, 100), true))
	j := givenJob(ctx, s, "stock", allowing(9))
	runs := givenRuns(ctx, s, j, t0, 3)
	h := givenWorker(ctx, s, "node-a")
	h.claim(ctx, s, at(1), 2)
	want := jobs.Wait{
		Reason: jobs.WaitTenantLimit, Running: 2, Limit: 2, Holders: []jobs.WaitHolder{holder(j, runs[0], at(1)), holder(j, runs[1], at(1))},
	}
	return same("what the third run waits for", waitsOf(ctx, s, at(1), runs...), map[jobs.RunID]jobs.Wait{runs[2].ID: want})
}

func waitCluster(ctx context.Context, s jobs.Store) error {
	done(s.SetLimits(ctx, tenant, narrow(10, 2), true))
	j, other := givenJob(ctx, s, "stock", allowing(9)), givenJob(ctx, s, "stock", allowing(9), of(foreign))
	mine := givenRuns(ctx, s, j, t0, 2)
	givenRuns(ctx, s, other, t0, 2)
	h := givenWorker(ctx, s, "node-a")
	h.claim(ctx, s, at(1), 2) // tenants are served in turn
	got := waitsOf(ctx, s, at(1), mine...)
	return errors.Join(same("runs that wait", len(got), 1), same("what the second run waits for", got[mine[1].ID],
		jobs.Wait{Reason: jobs.WaitClusterLimit, Holders: []jobs.WaitHolder{holder(j, mine[0], at(1))}}))
}

func waitWorker(ctx context.Context, s jobs.Store) error {
	j := givenJob(ctx, s, "stock", allowing(9), typed("scan"))
	runs := givenRuns(ctx, s, j, t0, 2)
	givenWorker(ctx, s, "node-a") // it is free, but has another driver
	h := &hand{id: "node-b", has: func(jobs.DriverKind, string) bool { return true }}
	row := h.row("node-b")
	row.JobTypes, row.Concurrency = []string{"scan"}, 1
	done(s.RegisterWorker(ctx, t0, row))
	before := waitsOf(ctx, s, t0, runs[0])
	h.take(ctx, s, t0)
	return errors.Join(same("before", before[runs[0].ID].Reason, jobs.WaitTurn), same("what the second run waits for",
		waitsOf(ctx, s, t0, runs...)[runs[1].ID], jobs.Wait{Reason: jobs.WaitWorkerLimit, Holders: []jobs.WaitHolder{holder(j, runs[0], t0)}}))
}

func waitTurn(ctx context.Context, s jobs.Store) error {
	low, high := givenJob(ctx, s, "low", allowing(9)), givenJob(ctx, s, "high", allowing(9), priority(5))
	older := givenRuns(ctx, s, low, t0, 2)
	urgent := givenRun(ctx, s, high, at(1))
	givenRun(ctx, s, givenJob(ctx, s, "other", of(foreign)), t0)
	h := givenWorker(ctx, s, "node-a")
	h.turn(ctx, s, at(1), 0)
	ahead := func(r jobs.Run) int {
		w := waitsOf(ctx, s, at(1), r)[r.ID]
		if w.Reason != jobs.WaitTurn {
			return -1
		}
		return w.Ahead
	}
	return errors.Join(same("before the urgent run", ahead(urgent), 0), same("before the oldest run", ahead(older[0]), 1),
		same("before the next run", ahead(older[1]), 2))
}

func waitReadable(ctx context.Context, s jobs.Store) error {
	done(s.SetLimits(ctx, tenant, narrow(14, 100), true))
	mine, theirs := givenJob(ctx, s, "mine", allowing(99)), givenJob(ctx, s, "theirs", allowing(99), ownedBy("team:sales"))
	h := givenWorker(ctx, s, "node-a")
	hidden := givenRuns(ctx, s, theirs, t0, 2)
	h.claim(ctx, s, at(1), 2)
	runs := givenRuns(ctx, s, mine, at(2), 13)
	var long []jobs.WaitHolder
	for i := range 12 {
		c := h.take(ctx, s, at(3+i))
		long = append(long, holder(mine, c.Run, at(3+i)))
	}
	asking := func(readers ...jobs.PrincipalID) jobs.Wait {
		return must(s.Waits(ctx, at(15), jobs.WaitQuery{Tenant: tenant, Runs: ids(runs), ReadableBy: readers}))[runs[12].ID]
	}
	owners, team, nobody, all := asking(owner), asking("team:sales", "x"), asking("x"), asking()
	return errors.Join(same("the count for somebody who may read a part", owners.Running, 14), same("named to the owner", owners.Holders, long[:jobs.MaxWaitHolders]),
		same("named to the team", team.Holders, []jobs.WaitHolder{holder(theirs, hidden[0], at(1)), holder(theirs, hidden[1], at(1))}),
		same("named to a stranger", len(nobody.Holders), 0), same("named to a superuser", all.Holders[2:], long[:jobs.MaxWaitHolders-2]))
}

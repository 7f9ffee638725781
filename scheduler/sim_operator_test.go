package scheduler_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/carillon-go/carillon/jobs"
)

var simTenants = []jobs.TenantID{"globex", "initech"}

// operator gives orders to the store, as the clients of many users would.
type operator struct {
	s      *simulation
	jobs   []jobs.ID
	tenant map[jobs.ID]jobs.TenantID
	limits map[jobs.TenantID]jobs.Limits
}

func (o operator) clone() operator {
	o.jobs, o.tenant, o.limits = slices.Clone(o.jobs), maps.Clone(o.tenant), maps.Clone(o.limits)
	return o
}

func (o *operator) begin() {
	o.tenant, o.limits = map[jobs.ID]jobs.TenantID{}, map[jobs.TenantID]jobs.Limits{}
	for _, t := range simTenants {
		o.limits[t] = jobs.DefaultLimits()
	}
}

const simMaxJobs = 12

// act gives one order.
func (o *operator) act(rng *rand.Rand) {
	kind := rng.IntN(30)
	if len(o.jobs) == 0 || kind < 3 && len(o.jobs) < simMaxJobs {
		o.done("insert a job", o.insert(rng))
		return
	}
	id := o.jobs[rng.IntN(len(o.jobs))]
	switch {
	case kind < 14:
		o.done("start "+o.s.jobName(id), o.start(rng, id))
	case kind < 18:
		o.done("cancel", o.cancel(rng))
	case kind < 22:
		o.done("edit "+o.s.jobName(id), o.edit(rng, id))
	case kind == 22:
		o.done("backfill "+o.s.jobName(id), o.backfill(rng, id))
	case kind < 25:
		o.done("retry", o.retry(rng))
	case kind == 25:
		o.done("limits", o.setLimits(rng))
	case kind == 26:
		o.done("steer", o.steer(rng))
	case kind == 27:
		o.drain(rng)
	}
}

// done notes an order, and looks at what came of it. What the store refuses by its rules is no fault.
func (o *operator) done(what string, err error) {
	if err != nil && !errors.Is(err, jobs.ErrConflict) && !errors.Is(err, jobs.ErrNotFound) {
		o.s.fault(fmt.Errorf("%s: %w", what, err))
	}
	o.s.note("order: %s (refused: %t)", what, err != nil)
	o.s.fault(o.s.view.refresh(&gate{kind: "order"}))
}

func (o *operator) insert(rng *rand.Rand) error {
	n := len(o.jobs) + 1
	id := jobs.ID(fmt.Sprintf("00000000-0000-7000-8000-%012d", n))
	t := simTenants[rng.IntN(len(simTenants))]
	j := &jobs.Job{
		ID: id, Tenant: t, Slug: fmt.Sprint("job-", n), OwnerID: "mara", Enabled: true, Revision: 1,
		CreatedAt: o.s.now(), UpdatedAt: o.s.now(), DefnUpdatedAt: o.s.now(),
		Definition: jobs.Definition{Type: "work", Name: fmt.Sprint("Job ", n), Data: json.RawMessage(`{}`), Policies: jobs.DefaultPolicies()},
	}
	j.Idempotent = rng.IntN(2) == 0
	for i := range rng.IntN(4) {
		j.Actions = append(j.Actions, simAction(rng, n, i))
	}
	o.shape(rng, j)
	if err := o.s.store.InsertJob(context.Background(), o.s.now(), j); err != nil {
		return err
	}
	o.jobs = append(o.jobs, id)
	o.tenant[id] = t
	o.s.view.knows(j, false)
	return nil
}

var simConditions = []string{
	`{"match":"all","rules":[{"field":"previous.status","operator":"eq","value":"success"}]}`,
	`{"match":"all","rules":[{"field":"run.status","operator":"eq","value":"error"}]}`,
	`{"match":"any","rules":[{"field":"run.status","operator":"exists","value":true}]}`,
}

func simAction(rng *rand.Rand, job, i int) jobs.Action {
	a := jobs.Action{
		ID: jobs.ActionID(fmt.Sprintf("00000000-0000-7000-9000-%06d%06d", job, i)), Type: []string{"note", "put"}[rng.IntN(2)],
		Name: fmt.Sprint("Action ", i), Data: json.RawMessage(`{}`), OnError: jobs.OnErrorStop, Step: simPolicy(rng),
		CreatedAt: now(), UpdatedAt: now(), Idempotent: rng.IntN(2) == 0,
	}
	if rng.IntN(3) == 0 {
		a.OnError = jobs.OnErrorWarn
	}
	if rng.IntN(3) == 0 {
		c, err := jobs.ParseCondition(json.RawMessage(simConditions[rng.IntN(len(simConditions))]))
		if err != nil {
			panic(err)
		}
		a.Condition = c
	}
	return a
}

func simPolicy(rng *rand.Rand) jobs.StepPolicy {
	p := jobs.DefaultStepPolicy()
	p.MaxRetries = max(rng.IntN(5)-2, 0)
	p.RetryDelay = []time.Duration{0, 5 * time.Second, 40 * time.Second, 5 * time.Minute}[rng.IntN(4)]
	p.OnInterrupt = []jobs.OnInterrupt{jobs.OnInterruptAuto, jobs.OnInterruptAuto, jobs.OnInterruptRetry, jobs.OnInterruptFail}[rng.IntN(4)]
	if rng.IntN(4) == 0 {
		p.Timeout = time.Minute
	}
	return p
}

// shape gives a job a schedule and policies.
func (o *operator) shape(rng *rand.Rand, j *jobs.Job) {
	p := &j.Policies
	p.Overlap = []jobs.Overlap{jobs.OverlapSkip, jobs.OverlapQueue, jobs.OverlapCancel, jobs.OverlapAllow}[rng.IntN(4)]
	p.MaxConcurrent = 1 + rng.IntN(3)
	p.Misfire = []jobs.Misfire{jobs.MisfireLatest, jobs.MisfireSkip, jobs.MisfireAll}[rng.IntN(3)]
	p.Driver = simPolicy(rng)
	j.Schedule = jobs.Schedule{}
	switch rng.IntN(4) {
	case 0:
		j.Schedule = jobs.Schedule{Interval: fmt.Sprintf("*/%d * * * *", 1+rng.IntN(9)), IntervalType: jobs.IntervalCron, Timezone: "Europe/Berlin"}
	case 1, 2:
		j.Schedule = jobs.Schedule{Interval: fmt.Sprintf("%d minutes", 1+rng.IntN(5)), IntervalType: jobs.IntervalSimple, StartOn: o.s.now()}
	}
	j.NextRunAt = time.Time{}
	if j.Enabled && j.Schedule.Interval != "" {
		if next, ok := j.EffectiveSchedule().Next(o.s.now()); ok {
			j.NextRunAt = next
		}
	}
}

func (o *operator) start(rng *rand.Rand, id jobs.ID) error {
	params := make([]json.RawMessage, 1+rng.IntN(2))
	for i := range params {
		params[i] = json.RawMessage(`{}`)
	}
	runs, err := o.s.store.StartRuns(context.Background(), o.s.now(), jobs.Start{
		Tenant: o.tenant[id], JobID: id, Trigger: jobs.TriggerManual, TriggeredBy: "mara", Params: params,
	})
	for _, r := range runs {
		o.s.view.promise(r.ID, r.Tenant)
	}
	return err
}

func (o *operator) cancel(rng *rand.Rand) error {
	ids := o.s.view.liveIDs()
	if len(ids) == 0 {
		return nil
	}
	r := o.s.view.runs[ids[rng.IntN(len(ids))]]
	_, err := o.s.store.CancelRun(context.Background(), o.s.now(), r.Tenant, r.ID, "mara")
	return err
}

func (o *operator) edit(rng *rand.Rand, id jobs.ID) error {
	j, err := o.s.store.Job(context.Background(), o.tenant[id], jobs.JobRef{ID: id})
	if err != nil {
		return err
	}
	j.Enabled = rng.IntN(5) != 0
	o.shape(rng, j)
	j.Revision++
	if err := o.s.store.SaveJob(context.Background(), o.s.now(), j, j.Revision-1); err != nil {
		return err
	}
	o.s.view.knows(j, true)
	return nil
}

func (o *operator) disableAll() {
	for _, id := range o.jobs {
		j, err := o.s.store.Job(context.Background(), o.tenant[id], jobs.JobRef{ID: id})
		if err == nil {
			j.Enabled, j.NextRunAt = false, time.Time{}
			err = o.s.store.SaveJob(context.Background(), o.s.now(), j, j.Revision)
			o.s.view.knows(j, true)
		}
		o.done("disable "+o.s.jobName(id), err)
	}
}

func (o *operator) backfill(rng *rand.Rand, id jobs.ID) error {
	to := o.s.now()
	runs, err := o.s.store.BackfillRuns(context.Background(), to, jobs.Backfill{
		Tenant: o.tenant[id], JobID: id, TriggeredBy: "mara", From: to.Add(-time.Duration(1+rng.IntN(10)) * time.Minute), To: to,
	})
	for _, r := range runs {
		o.s.view.promise(r.RunID, o.tenant[id])
	}
	return err
}

func (o *operator) retry(rng *rand.Rand) error {
	e := o.s.view.lastEnded
	if e == nil {
		return nil
	}
	r, err := o.s.store.RetryRun(context.Background(), o.s.now(), jobs.Retry{
		Tenant: e.Tenant, JobID: e.JobID, RunID: e.ID, TriggeredBy: "mara", FromStart: rng.IntN(2) == 0,
	})
	if err == nil {
		o.s.view.promise(r.ID, r.Tenant)
	}
	return err
}

func (o *operator) setLimits(rng *rand.Rand) error {
	t := simTenants[rng.IntN(len(simTenants))]
	l := jobs.DefaultLimits()
	l.TenantConcurrency = 1 + rng.IntN(4)
	o.limits[t] = l
	return o.s.store.SetLimits(context.Background(), t, l, false)
}

func (o *operator) steer(rng *rand.Rand) error {
	n := o.s.nodes[rng.IntN(len(o.s.nodes))]
	return o.s.store.SteerWorker(context.Background(), n.worker, jobs.WorkerActive, 1+rng.IntN(4))
}

// drain asks a process to end in order.
func (o *operator) drain(rng *rand.Rand) {
	n := o.s.nodes[rng.IntN(len(o.s.nodes))]
	if n.dead || n.draining {
		return
	}
	o.s.note("order: %s has to stop", n.name)
	n.draining = true
	n.cancel()
}

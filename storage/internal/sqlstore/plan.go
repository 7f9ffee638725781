package sqlstore

import (
	"context"
	"time"

	"github.com/carillon-go/carillon/jobs"
)

const (
	// sqlListDue: index jobs_due, in its order.
	sqlListDue = `
	SELECT ` + jobColumns + `
	FROM   jobs
	WHERE  enabled = 1 AND next_run_at IS NOT NULL AND next_run_at <= ?
	ORDER  BY jobs.next_run_at, jobs.id
	LIMIT  ?`
	// sqlNextDue: index jobs_due, its first entry.
	sqlNextDue = `
	SELECT next_run_at
	FROM   jobs
	WHERE  enabled = 1 AND next_run_at IS NOT NULL
	ORDER  BY next_run_at, id
	LIMIT  1`
	// sqlMoveNext: lookup by primary key; the fire that was planned is named, so that a second planner finds no row.
	sqlMoveNext = `
	UPDATE jobs
	SET    next_run_at = ?
	WHERE  id = ? AND next_run_at = ?`
	sqlDisable = `
	UPDATE jobs
	SET    enabled = 0, next_run_at = NULL, updated_at = ?
	WHERE  id = ?`
)

// Plan is jobs.PlanStore (T1). In one transaction: the due jobs by jobs_due, for each the decision of jobs.DecideFires, its runs and
// lines of the ledger, and the next fire. If the process dies before the commit the jobs are due still; a second planner waits for
// the one writing connection and finds them moved on. The unique indexes of the fires are the last word.
func (c *Core) Plan(ctx context.Context, now time.Time, limit int) (jobs.PlanResult, error) {
	var result jobs.PlanResult
	err := c.write(ctx, "plan", func(t *Tx) error {
		result = jobs.PlanResult{}
		var due []jobRow
		if err := t.all(&due, sqlListDue, toMillis(now), limit); err != nil {
			return err
		}
		result.Jobs = len(due)
		for i := range due {
			if err := c.planJob(t, now, &due[i], &result); err != nil {
				return err
			}
		}
		var next int64
		_, err := t.get(&next, sqlNextDue)
		result.Next = fromMillis(next)
		return err
	})
	return result, err
}

// NextDue is jobs.PlanStore.
func (c *Core) NextDue(ctx context.Context) (time.Time, error) {
	var next int64
	err := c.read(ctx, "read next fire", func(v *View) error {
		_, err := v.get(&next, sqlNextDue)
		return err
	})
	return fromMillis(next), err
}

func (c *Core) planJob(t *Tx, now time.Time, job *jobRow, result *jobs.PlanResult) error {
	d, fault, err := c.definition(t, job.ID, job.Revision)
	if err != nil {
		return err
	}
	if fault != "" {
		return t.disable(now, job, fault, result)
	}
	live, err := t.live(job)
	if err != nil {
		return err
	}
	// Runs go in by the columns, so they decide: a document that says something else must not break an index and with it the pass.
	policies := d.Policies
	policies.Overlap, policies.MaxConcurrent = job.Overlap, job.MaxConcurrent
	schedule := (&jobs.Job{ID: job.ID, Definition: jobs.Definition{Schedule: d.Schedule, Policies: policies}}).EffectiveSchedule()
	plan, err := jobs.DecideFires(jobs.DueJob{
		ID: job.ID, Schedule: schedule, Policies: policies, NextRunAt: fromMillis(job.NextRunAt), Live: live,
	}, now)
	if err != nil {
		return t.disable(now, job, err.Error(), result)
	}
	p := planning{core: c, t: t, job: job, definition: d, now: fromMillis(toMillis(now)), plan: &plan, runs: make([]jobs.RunID, len(plan.Fires))}
	if err := p.carryOut(result); err != nil {
		return err
	}
	t.changedJob(job.Tenant, job.ID)
	_, err = t.exec(sqlMoveNext, orNull(toMillis(plan.Next)), job.ID, job.NextRunAt)
	return err
}

// disable stops the schedule of a job that cannot be planned, so that it is not due again with every pass. The fire that was due keeps
// its line in the ledger.
func (t *Tx) disable(now time.Time, job *jobRow, reason string, result *jobs.PlanResult) error {
	if result.Disabled == nil {
		result.Disabled = map[jobs.ID]string{}
	}
	result.Disabled[job.ID] = reason
	at := fromMillis(job.NextRunAt)
	err := t.recordFire(jobs.Fire{
		JobID: job.ID, At: at, Outcome: jobs.FireMissed, Reason: "the job was disabled: " + reason, Late: now.Sub(at),
	})
	if err != nil {
		return err
	}
	t.news.add(jobs.TopicPlan)
	t.changedJob(job.Tenant, job.ID)
	if _, err = t.exec(sqlDisable, toMillis(now), job.ID); err != nil {
		return err
	}
	return t.addAudit(jobs.AuditRow{
		ID: jobs.NewUUID(), At: now, Tenant: job.Tenant, Actor: "planner", ActorKind: jobs.ActorSystem, Action: jobs.AuditDisable, Kind: "job",
		Object: string(job.ID), JobID: job.ID, Revision: job.Revision, Result: jobs.AuditOK,
	})
}

// planning carries out the plan of one job.
type planning struct {
	core       *Core
	t          *Tx
	job        *jobRow
	definition *jobs.Definition
	now        time.Time
	plan       *jobs.FirePlan
	// runs are the runs of the fires, by the index of the fire.
	runs []jobs.RunID
}

// carryOut inserts the runs first, so that lines can name them.
func (p *planning) carryOut(result *jobs.PlanResult) error {
	var gone []jobs.ID
	for i := range p.plan.Fires {
		fire := &p.plan.Fires[i]
		if fire.Start == nil {
			continue
		}
		before, there, err := p.t.fireRun(p.job.ID, fire.Fire.At)
		if err != nil {
			return err
		}
		if there {
			p.runs[i] = before // the moment has its line already: the schedule was set back to it
			continue
		}
		replaced, err := p.start(i, fire)
		if err != nil {
			return err
		}
		result.Runs += 1 - replaced
		if replaced > 0 || len(fire.Start.Decision.Replace) > 0 {
			gone = append(gone, p.job.ID)
		}
	}
	for i := range p.plan.Fires {
		fire := p.plan.Fires[i]
		if fire.Start != nil {
			continue
		}
		if fire.By >= 0 {
			fire.Fire.RunID = p.runs[fire.By]
		}
		if err := p.t.recordFire(fire.Fire); err != nil {
			return err
		}
	}
	if len(gone) > 0 {
		return p.t.promoteAll(gone[:1])
	}
	return nil
}

// start inserts the run of a fire and gives how many runs of earlier fires of this plan it replaced.
func (p *planning) start(i int, fire *jobs.PlannedFire) (replaced int, err error) {
	decision := fire.Start.Decision
	for _, earlier := range fire.Start.ReplaceFires {
		decision.Replace = append(decision.Replace, p.runs[earlier])
		replaced++
	}
	if _, err := p.core.makeRoom(p.t, p.now, p.job, decision); err != nil {
		return 0, err
	}
	run := newRun(p.job, p.definition, p.now)
	run.Trigger, run.Blocked, run.Params = fire.Start.Trigger, decision.Blocked, []byte("{}")
	run.FireAt = fromMillis(toMillis(fire.Fire.At))
	run.NotBefore = run.FireAt // so that a backlog is drained in the order of fires
	p.runs[i] = run.ID
	return replaced, p.t.insertRun(p.job, &run)
}

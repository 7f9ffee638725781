package sqlstore

import (
	"context"
	"encoding/json"
	"time"

	"github.com/carillon-go/carillon/jobs"
)

const (
	// sqlListFireRuns: indexes runs_fire and run_history_fire.
	sqlListFireRuns = `
	SELECT fire_at FROM runs WHERE job_id = ?1 AND fire_at >= ?2 AND fire_at < ?3
	UNION ALL
	SELECT fire_at FROM run_history WHERE job_id = ?1 AND fire_at >= ?2 AND fire_at < ?3`
	// sqlListFireLines: primary key of fires. Lines do not overlap, so of those before the range only the last one can reach into it.
	sqlListFireLines = `
	SELECT ` + fireOfLine + `
	FROM   fires
	WHERE  job_id = ?1 AND at < ?3 AND at >= COALESCE((SELECT max(at) FROM fires WHERE job_id = ?1 AND at < ?2), ?2)
	ORDER  BY at`
	sqlDeleteFireLine = `
	DELETE FROM fires
	WHERE  job_id = ? AND at = ?`
)

// lister is a Tx or a View.
type lister interface {
	getter
	all(dest any, query string, args ...any) error
}

// BackfillRuns is jobs.BackfillStore. After it all runs are stored in place of their lines, or nothing is.
func (c *Core) BackfillRuns(ctx context.Context, now time.Time, b jobs.Backfill) ([]jobs.BackfillRun, error) {
	var runs []jobs.BackfillRun
	if b.DryRun {
		err := c.read(ctx, "look at a backfill", func(v *View) error {
			f, err := c.newFilling(v, b)
			if err != nil {
				return err
			}
			for _, at := range f.fires {
				runs = append(runs, jobs.BackfillRun{At: at})
			}
			return nil
		})
		return runs, err
	}
	err := c.write(ctx, "backfill", func(t *Tx) error {
		runs = nil
		f, err := c.newFilling(t, b)
		if err != nil {
			return err
		}
		if t.nothingDone = len(f.fires) == 0; t.nothingDone {
			return nil
		}
		runs, err = f.carryOut(t, now, b)
		return err
	})
	if err != nil {
		return nil, err
	}
	return runs, nil
}

// filling is what a backfill is to do.
type filling struct {
	job        jobRow
	definition *jobs.Definition
	schedule   jobs.Schedule
	// fires get runs; lines are those of the ledger that name some of them.
	fires []time.Time
	lines []jobs.Fire
}

func (c *Core) newFilling(g lister, b jobs.Backfill) (*filling, error) {
	f := new(filling)
	ok, err := g.get(&f.job, sqlGetJob, b.JobID, b.Tenant)
	switch {
	case err != nil:
		return nil, err
	case !ok:
		return nil, jobs.NotFound("job")
	case f.job.EditingID != "":
		return nil, jobs.Conflict("the job is a draft; commit it first")
	}
	var fault string
	if f.definition, fault, err = c.definition(g, f.job.ID, f.job.Revision); err != nil {
		return nil, err
	}
	if fault != "" {
		return nil, jobs.Conflict(unreadableDefinition)
	}
	if f.definition.Schedule.IsZero() {
		return nil, jobs.Conflict("the job has no schedule")
	}
	f.schedule = (&jobs.Job{ID: f.job.ID, Definition: *f.definition}).EffectiveSchedule()
	to := b.To
	if next := fromMillis(f.job.NextRunAt); f.job.Enabled && f.job.NextRunAt != 0 && next.Before(to) {
		to = next // from there on the planner decides
	}
	if f.fires, err = jobs.BackfillFires(f.schedule, b.From, to); err != nil || len(f.fires) == 0 {
		return f, err
	}
	return f, f.leaveOut(g)
}

// leaveOut drops the fires that have or had a run, and finds the lines of the others.
func (f *filling) leaveOut(g lister) error {
	from, to := toMillis(f.fires[0]), toMillis(f.fires[len(f.fires)-1])+1
	var ran []int64
	if err := g.all(&ran, sqlListFireRuns, f.job.ID, from, to); err != nil {
		return err
	}
	var rows []fireRow
	if err := g.all(&rows, sqlListFireLines, f.job.ID, from, to); err != nil {
		return err
	}
	has := map[int64]bool{}
	for _, ms := range ran {
		has[ms] = true
	}
	for i := range rows {
		line := rows[i].toFire(f.job.ID)
		if line.Outcome == jobs.FireRan {
			has[rows[i].At] = true
		} else if rows[i].At >= from || rows[i].Until >= from {
			f.lines = append(f.lines, line)
		}
	}
	var fires []time.Time
	for _, at := range f.fires {
		if !has[toMillis(at)] {
			fires = append(fires, at)
		}
	}
	f.fires = fires
	return nil
}

// covered is the first and the last of the fires that a line names; false if it names none.
func (f *filling) covered(line jobs.Fire) (first, last time.Time, ok bool) {
	until := line.Until
	if until.IsZero() {
		until = line.At
	}
	for _, at := range f.fires {
		if at.Before(line.At) || at.After(until) {
			continue
		}
		if !ok {
			first, ok = at, true
		}
		last = at
	}
	return first, last, ok
}

func (f *filling) carryOut(t *Tx, now time.Time, b jobs.Backfill) ([]jobs.BackfillRun, error) {
	if err := t.checkQueue(b.Tenant, len(f.fires)); err != nil {
		return nil, err
	}
	var rest []jobs.Fire
	for _, line := range f.lines {
		first, last, ok := f.covered(line)
		if !ok {
			continue
		}
		if _, err := t.exec(sqlDeleteFireLine, line.JobID, toMillis(line.At)); err != nil {
			return nil, err
		}
		rest = append(rest, line.WithoutFires(f.schedule, first, last)...)
	}
	runs := make([]jobs.BackfillRun, len(f.fires))
	for i, at := range f.fires {
		run := newRun(&f.job, f.definition, now)
		run.Trigger, run.TriggeredBy, run.FireAt, run.Params = jobs.TriggerBackfill, b.TriggeredBy, fromMillis(toMillis(at)), json.RawMessage("{}")
		run.Blocked = true // until promote finds that its turn has come
		if err := t.insertRun(&f.job, &run); err != nil {
			return nil, err
		}
		runs[i] = jobs.BackfillRun{At: run.FireAt, RunID: run.ID}
	}
	for _, line := range rest {
		if err := t.recordFire(line); err != nil {
			return nil, err
		}
	}
	return runs, t.promote(f.job.ID, f.job.policies())
}

package sqlstore

import (
	"context"
	"strings"
	"time"

	"github.com/carillon-go/carillon/jobs"
)

const (
	// sqlInsertFire: one moment has one line; a line that is there stays.
	sqlInsertFire = `
	INSERT INTO fires (job_id, at, until, count, outcome, reason, run_id, late_ms)
	SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8
	WHERE  NOT EXISTS (SELECT 1 FROM runs WHERE job_id = ?1 AND fire_at = ?2)
	       AND NOT EXISTS (SELECT 1 FROM run_history WHERE job_id = ?1 AND fire_at = ?2)
	ON CONFLICT (job_id, at) DO NOTHING`
	// sqlGetFireRun: indexes runs_fire and run_history_fire, primary key of fires.
	sqlGetFireRun = `
	SELECT id FROM runs WHERE job_id = ?1 AND fire_at = ?2
	UNION ALL
	SELECT id FROM run_history WHERE job_id = ?1 AND fire_at = ?2
	UNION ALL
	SELECT run_id FROM fires WHERE job_id = ?1 AND at = ?2`
)

// recordFire writes a line of the ledger that has no run of its own.
func (t *Tx) recordFire(f jobs.Fire) error {
	_, err := t.exec(sqlInsertFire, f.JobID, toMillis(f.At), toMillis(f.Until), f.Count, f.Outcome, f.Reason, f.RunID, f.Late.Milliseconds())
	return err
}

// fireRun finds the line of a moment, and the run that it names.
func (t *Tx) fireRun(job jobs.ID, at time.Time) (jobs.RunID, bool, error) {
	var id jobs.RunID
	ok, err := t.get(&id, sqlGetFireRun, job, toMillis(at))
	return id, ok, err
}

// Columns of the ledger in its three places. A run that was canceled before it started makes its fire withdrawn.
const (
	fireOfLive  = `fire_at AS at, 0 AS until, 0 AS count, 'ran' AS outcome, '' AS reason, id AS run_id, created_at - fire_at AS late_ms`
	fireOfEnded = `fire_at AS at, 0 AS until, 0 AS count,
	       CASE WHEN started_at = 0 THEN 'withdrawn' ELSE 'ran' END AS outcome,
	       CASE WHEN started_at = 0 THEN COALESCE(NULLIF(error, ''), 'its run was canceled before it started') ELSE '' END AS reason,
	       id AS run_id, created_at - fire_at AS late_ms`
	fireOfLine = `at, until, count, outcome, reason, run_id, late_ms`
)

type fireRow struct {
	At      int64            `db:"at"`
	Until   int64            `db:"until"`
	Count   int              `db:"count"`
	Outcome jobs.FireOutcome `db:"outcome"`
	Reason  string           `db:"reason"`
	RunID   jobs.RunID       `db:"run_id"`
	LateMS  int64            `db:"late_ms"`
}

func (r *fireRow) toFire(job jobs.ID) jobs.Fire {
	return jobs.Fire{
		JobID: job, At: fromMillis(r.At), Until: fromMillis(r.Until), Count: r.Count, Outcome: r.Outcome, Reason: r.Reason, RunID: r.RunID,
		Late: time.Duration(r.LateMS) * time.Millisecond,
	}
}

// fireParts are the places of the ledger with their conditions for an outcome.
func fireParts(f jobs.FireQuery) []*query {
	var parts []*query
	part := func(columns, table, at string, conditions ...string) {
		q := new(query)
		q.add("SELECT " + columns + "\nFROM   " + table)
		q.and("job_id = ?", f.JobID)
		q.and(at + " IS NOT NULL")
		if !f.From.IsZero() {
			q.and(at+" >= ?", toMillis(f.From))
		}
		if !f.To.IsZero() {
			q.and(at+" < ?", toMillis(f.To))
		}
		for _, c := range conditions {
			q.and(c)
		}
		parts = append(parts, q)
	}
	switch f.Outcome {
	case "":
		part(fireOfLive, "runs", "fire_at")
		part(fireOfEnded, "run_history", "fire_at")
		part(fireOfLine, "fires", "at")
		return parts
	case jobs.FireRan:
		part(fireOfLive, "runs", "fire_at")
		part(fireOfEnded, "run_history", "fire_at", "started_at <> 0")
	case jobs.FireWithdrawn:
		part(fireOfEnded, "run_history", "fire_at", "started_at = 0")
	case jobs.FireSkipped, jobs.FireCoalesced, jobs.FireMissed:
	}
	part(fireOfLine, "fires", "at")
	last := parts[len(parts)-1]
	last.and("outcome = ?", f.Outcome)
	return parts
}

// fireQueries count the lines of a ledger and read its page.
func fireQueries(f jobs.FireQuery) (count, page *query) {
	count, page = new(query), new(query)
	var texts []string
	for _, part := range fireParts(f) {
		texts = append(texts, part.text())
		page.args = append(page.args, part.args...)
	}
	all := strings.Join(texts, "\nUNION ALL\n")
	count.add("SELECT count(*) FROM (\n"+all+"\n) AS lines", page.args...)
	page.add(all)
	if f.Ascending {
		page.add("ORDER BY at")
	} else {
		page.add("ORDER BY at DESC")
	}
	page.page(f.Start, f.Limit)
	return count, page
}

// Fires is jobs.PlanStore. Each place is walked in the order of its index and merged as far as the page needs.
func (c *Core) Fires(ctx context.Context, f jobs.FireQuery) (jobs.Page[jobs.Fire], error) {
	count, page := fireQueries(f)
	var result jobs.Page[jobs.Fire]
	err := c.read(ctx, "list fires", func(v *View) error {
		var tenant jobs.TenantID
		ok, err := v.get(&tenant, sqlGetJobTenant, f.JobID)
		if err != nil || !ok || tenant != f.Tenant {
			return err
		}
		var total []int
		if err := v.build(&total, count); err != nil {
			return err
		}
		var rows []fireRow
		if err := v.build(&rows, page); err != nil {
			return err
		}
		result = jobs.Page[jobs.Fire]{Items: make([]jobs.Fire, len(rows)), Total: total[0]}
		for i := range rows {
			result.Items[i] = rows[i].toFire(f.JobID)
		}
		return nil
	})
	return result, err
}

package sqlstore

import (
	"fmt"
	"time"

	"github.com/carillon-go/carillon/jobs"
)

// addQueued notes that the number of queued runs of a tenant changes; the row is written once, at the end of the transaction.
func (t *Tx) addQueued(tenant jobs.TenantID, n int) {
	if t.queued == nil {
		t.queued = map[jobs.TenantID]int{}
	}
	t.queued[tenant] += n
}

// sqlAddQueued: lookup by primary key. Lock order R9: rows of tenants come before jobs and runs in the statements that read them;
// this one is last, on rows that no other transaction of the same tenant can be waiting with.
const sqlAddQueued = `
	INSERT INTO tenants (id, queued)
	VALUES (?, ?)
	ON CONFLICT (id) DO UPDATE SET queued = tenants.queued + excluded.queued`

func (t *Tx) flushQueued() error {
	for tenant, n := range t.queued {
		if n == 0 {
			continue
		}
		if _, err := t.exec(sqlAddQueued, tenant, n); err != nil {
			return err
		}
	}
	return nil
}

// sqlCountQueued: lookup by primary key.
const sqlCountQueued = `
	SELECT queued, closed_at
	FROM   tenants
	WHERE  id = ?`

// checkQueue refuses n more queued runs beyond the limit of a tenant, and any in one that is being removed.
func (t *Tx) checkQueue(tenant jobs.TenantID, n int) error {
	var row struct {
		Queued   int   `db:"queued"`
		ClosedAt int64 `db:"closed_at"`
	}
	if _, err := t.get(&row, sqlCountQueued, tenant); err != nil {
		return err
	}
	if err := stillOpen(row.ClosedAt); err != nil {
		return err
	}
	if row.Queued+n > jobs.MaxQueuedPerTenant {
		return jobs.Conflict("the tenant has %d queued runs; the limit is %d", row.Queued, jobs.MaxQueuedPerTenant)
	}
	return nil
}

// sqlInsertRun: the unique indexes runs_exclusive and runs_fire are the last word on overlap and on fires.
const (
	sqlInsertRun = sqlIntoRuns + queuedRow
	sqlIntoRuns  = `
	INSERT INTO runs (id, tenant, job_id, owner_id, revision, driver_set, status, trigger_kind, triggered_by, retry_of, pinned, worker_id,
	       fence, urgency, not_before, delayed, fire_at, blocked, exclusive_key, losses, attempt, resumed, cancel_requested, params, steps,
	       warnings, seq, created_at, updated_at, started_at)
	VALUES `
	queuedRow = `(?, ?, ?, ?, ?, ?, 'queued', ?, ?, NULLIF(?, ''), ?, NULL, 0, ?, ?, ?, ?, ?, ?, 0, 1, 0, 0, ?, NULLIF(?, ''), ?, 0, ?, ?, 0)`
)

// sqlInsertManyRuns is sqlInsertRun of several rows, by their number.
var sqlInsertManyRuns = manyRows(sqlIntoRuns, queuedRow)

// insertRun puts a new run into the queue of its job, with the steps of its definition.
func (t *Tx) insertRun(job *jobRow, run *jobs.Run) error {
	return t.insertRunWith(job, run, job.DriverSet, "")
}

// insertRunWith is insertRun of a run that has a set of drivers and steps of its own; steps "" are those of the definition.
func (t *Tx) insertRunWith(job *jobRow, run *jobs.Run, driverSet int64, steps string) error {
	if _, err := t.exec(sqlInsertRun, queuedArgs(nil, job, run, driverSet, steps)...); err != nil {
		return fmt.Errorf("insert run of job %s: %w", job.ID, err)
	}
	t.noteQueued(run)
	return nil
}

// insertRuns is insertRun of several runs that have nothing to do with each other.
func (c *Core) insertRuns(t *Tx, job *jobRow, runs []jobs.Run) error {
	for len(runs) > 0 {
		n := c.rowsAtOnce(len(runs))
		var args []any
		for i := range runs[:n] {
			args = queuedArgs(args, job, &runs[i], job.DriverSet, "")
		}
		if _, err := t.exec(sqlInsertManyRuns[n], args...); err != nil {
			return fmt.Errorf("insert runs of job %s: %w", job.ID, err)
		}
		for i := range runs[:n] {
			t.noteQueued(&runs[i])
		}
		runs = runs[n:]
	}
	return nil
}

// queuedArgs appends the values of queuedRow.
func queuedArgs(args []any, job *jobRow, run *jobs.Run, driverSet int64, steps string) []any {
	var key any
	if job.Overlap != jobs.OverlapAllow && !run.Blocked {
		key = job.ID
	}
	now := toMillis(run.CreatedAt)
	notBefore := toMillis(run.NotBefore)
	return append(args, run.ID, run.Tenant, run.JobID, run.OwnerID, run.Revision, driverSet, run.Trigger, run.TriggeredBy,
		run.RetryOf, toInt(run.Pinned), -run.Priority, notBefore, toInt(notBefore > now), orNull(toMillis(run.FireAt)), toInt(run.Blocked), key,
		string(run.Params), steps, toInt(run.Warnings), now, now)
}

// noteQueued notes all that a new run changes beside its row.
func (t *Tx) noteQueued(run *jobs.Run) {
	t.addQueued(run.Tenant, 1)
	t.news.run(run.ID)
	t.changedRun(run.Tenant, run.JobID, run.ID, jobs.RunQueued)
	if !run.Blocked {
		t.news.add(jobs.TopicQueue)
	}
}

// newRun is a run of a job as it is now.
func newRun(job *jobRow, d *jobs.Definition, now time.Time) jobs.Run {
	now = fromMillis(toMillis(now))
	return jobs.Run{
		ID: jobs.NewRunID(), Tenant: job.Tenant, JobID: job.ID, OwnerID: job.OwnerID, Revision: job.Revision, Status: jobs.RunQueued,
		Priority: job.Priority, NotBefore: now, Attempt: 1, Steps: jobs.NewSteps(d), CreatedAt: now, UpdatedAt: now,
	}
}

// liveOfJob is the condition for all live runs of a job, by two partial indexes: runs_open and runs_blocked. It takes the id twice.
const liveOfJob = `(job_id = ? AND blocked = 0 OR job_id = ? AND blocked = 1)`

const (
	// sqlListLive: indexes runs_open and runs_blocked.
	sqlListLive = `
	SELECT id, status, trigger_kind, blocked
	FROM   runs
	WHERE  ` + liveOfJob + `
	ORDER  BY created_at, id`
	// sqlListOpen: index runs_open. With overlap "allow" nothing but the number of open runs matters, up to the bound.
	sqlListOpen = `
	SELECT id, status, trigger_kind, blocked
	FROM   runs
	WHERE  job_id = ? AND blocked = 0
	LIMIT  ?`
)

type liveRow struct {
	ID      jobs.RunID     `db:"id"`
	Status  jobs.RunStatus `db:"status"`
	Trigger jobs.Trigger   `db:"trigger_kind"`
	Blocked bool           `db:"blocked"`
}

// live reads what DecideStart and DecideFires need of the live runs of a job.
func (t *Tx) live(job *jobRow) ([]jobs.LiveRun, error) {
	var rows []liveRow
	var err error
	if job.Overlap == jobs.OverlapAllow {
		err = t.all(&rows, sqlListOpen, job.ID, job.MaxConcurrent)
	} else {
		err = t.all(&rows, sqlListLive, job.ID, job.ID)
	}
	live := make([]jobs.LiveRun, len(rows))
	for i, r := range rows {
		live[i] = jobs.LiveRun(r)
	}
	return live, err
}

// sqlGetBlocked: index runs_blocked.
const sqlGetBlocked = `
	SELECT 1
	FROM   runs
	WHERE  job_id = ? AND blocked = 1 AND (trigger_kind = 'backfill') = 0
	LIMIT  1`

// beside gives the live runs that the decision about n new runs needs. With overlap "allow" that is none: room, how many of the
// new runs need not wait, is all there is to decide (Policies.Admissible), and if runs wait already there is none.
func (t *Tx) beside(job *jobRow, n int) (live []jobs.LiveRun, room int, err error) {
	if job.Overlap != jobs.OverlapAllow {
		live, err = t.live(job)
		return live, n, err
	}
	var one, open int
	if full, err := t.get(&one, sqlGetBlocked, job.ID); err != nil || full {
		return nil, 0, err
	}
	_, err = t.get(&open, sqlCountOpen, job.ID, job.MaxConcurrent)
	return nil, job.policies().Admissible(open), err
}

// sqlCountOpen: index runs_open.
const sqlCountOpen = `
	SELECT count(*)
	FROM   (SELECT 1 FROM runs WHERE job_id = ? AND blocked = 0 LIMIT ?) AS open`

const (
	// sqlPromote: index runs_blocked, oldest first.
	sqlPromote = `
	UPDATE runs
	SET    blocked = 0, exclusive_key = ?
	WHERE  id IN (SELECT id FROM runs WHERE job_id = ? AND blocked = 1 AND (trigger_kind = 'backfill') = 0 ORDER BY created_at, id LIMIT ?)
	RETURNING id`
	// sqlPromoteChain: indexes runs_blocked and runs_chain. The next run of a backfill, if none of it goes on.
	sqlPromoteChain = `
	UPDATE runs
	SET    blocked = 0, exclusive_key = ?
	WHERE  id = (SELECT id FROM runs WHERE job_id = ? AND blocked = 1 AND (trigger_kind = 'backfill') = 1 ORDER BY created_at, id LIMIT 1)
	       AND NOT EXISTS (SELECT 1 FROM runs c WHERE c.job_id = ? AND c.trigger_kind = 'backfill' AND c.blocked = 0)
	RETURNING id`
)

// promote lets blocked runs of a job go as far as its policies allow, runs of a backfill last and one after another.
func (t *Tx) promote(job jobs.ID, p jobs.Policies) error {
	var open int
	if _, err := t.get(&open, sqlCountOpen, job, p.Admissible(0)); err != nil {
		return err
	}
	n := p.Admissible(open)
	if n == 0 {
		return nil
	}
	let, err := t.letGo(sqlPromote, exclusiveKey(job, p), job, n)
	if err != nil || let == n {
		return err
	}
	_, err = t.letGo(sqlPromoteChain, exclusiveKey(job, p), job, job)
	return err
}

func exclusiveKey(job jobs.ID, p jobs.Policies) any {
	if p.Overlap == jobs.OverlapAllow {
		return nil
	}
	return string(job)
}

// letGo runs a statement that returns the ids of runs that may start now, and gives their number.
func (t *Tx) letGo(query string, args ...any) (n int, err error) {
	err = t.returning(query, func(rows scanner) error {
		var id jobs.RunID
		if err := rows.Scan(&id); err != nil {
			return err
		}
		n++
		t.news.run(id)
		t.news.add(jobs.TopicQueue)
		return nil
	}, args...)
	return n, err
}

// sqlListWaiting: index runs_blocked, a seek for each job.
const sqlListWaiting = `
	SELECT id, overlap, max_concurrent
	FROM   jobs
	WHERE  id IN LIST(?) AND EXISTS (SELECT 1 FROM runs WHERE runs.job_id = jobs.id AND runs.blocked = 1)`

// promoteAll does promote for each of the jobs that have blocked runs. It is called once, after all ends of a transaction.
func (t *Tx) promoteAll(ids []jobs.ID) error {
	if len(ids) == 0 {
		return nil
	}
	var rows []struct {
		ID            jobs.ID      `db:"id"`
		Overlap       jobs.Overlap `db:"overlap"`
		MaxConcurrent int          `db:"max_concurrent"`
	}
	if err := t.all(&rows, sqlListWaiting, texts(ids)); err != nil {
		return err
	}
	for _, r := range rows {
		if err := t.promote(r.ID, jobs.Policies{Overlap: r.Overlap, MaxConcurrent: r.MaxConcurrent}); err != nil {
			return err
		}
	}
	return nil
}

const (
	// sqlBlockQueued: indexes runs_open and runs_blocked.
	sqlBlockQueued = `
	UPDATE runs
	SET    blocked = 1, exclusive_key = NULL
	WHERE  ` + liveOfJob + ` AND status = 'queued' AND started_at = 0`
	// sqlKeyOpen: index runs_open.
	sqlDropKeys = `
	UPDATE runs
	SET    exclusive_key = NULL
	WHERE  job_id = ? AND blocked = 0`
	sqlKeyOpen = `
	UPDATE runs
	SET    exclusive_key = ?
	WHERE  id IN (SELECT id FROM runs WHERE job_id = ? AND blocked = 0 ORDER BY created_at, id LIMIT 1)`
)

// regulate applies changed policies to the live runs of a job: all that have not begun wait, and as many as the new policies allow
// are let go again, oldest first.
func (t *Tx) regulate(job jobs.ID, p jobs.Policies) error {
	if _, err := t.exec(sqlBlockQueued, job, job); err != nil {
		return err
	}
	if _, err := t.exec(sqlDropKeys, job); err != nil {
		return err
	}
	if key := exclusiveKey(job, p); key != nil {
		if _, err := t.exec(sqlKeyOpen, key, job); err != nil {
			return err
		}
	}
	return t.promote(job, p)
}

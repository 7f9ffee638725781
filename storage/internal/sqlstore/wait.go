package sqlstore

import (
	"context"
	"slices"
	"time"

	"github.com/carillon-go/carillon/jobs"
)

const (
	// sqlListQueuedRuns: lookups by primary key.
	sqlListQueuedRuns = `
	SELECT r.id, r.job_id, r.not_before, r.blocked, r.started_at, r.trigger_kind, d.drivers
	FROM   runs r JOIN driver_sets d ON d.id = r.driver_set
	WHERE  r.id IN LIST(?) AND r.tenant = ? AND r.status = 'queued'`
	// sqlListOpenRuns: index runs_open.
	sqlListOpenRuns = `
	SELECT id, job_id, revision, started_at, trigger_kind
	FROM   runs
	WHERE  job_id = ? AND blocked = 0
	ORDER  BY created_at, id
	LIMIT  ?`
	// sqlListChain: index runs_blocked.
	sqlListChain = `
	SELECT id
	FROM   runs
	WHERE  job_id = ? AND blocked = 1 AND (trigger_kind = 'backfill') = 1
	ORDER  BY created_at, id
	LIMIT  ?`
	// sqlListTurn: index runs_claim, in its order.
	sqlListTurn = `
	SELECT id
	FROM   runs
	WHERE  status = 'queued' AND blocked = 0 AND tenant = ? AND not_before <= ?
	ORDER  BY urgency, not_before, id
	LIMIT  ?`
	// sqlListActiveWorkers: index job_workers_live, and runs_held for each worker.
	sqlListActiveWorkers = `
	SELECT ` + workerColumns + `
	FROM   job_workers
	WHERE  status = 'active' AND heartbeat_at >= ?`
)

type waitRow struct {
	ID        jobs.RunID   `db:"id"`
	JobID     jobs.ID      `db:"job_id"`
	NotBefore int64        `db:"not_before"`
	Blocked   bool         `db:"blocked"`
	StartedAt int64        `db:"started_at"`
	Trigger   jobs.Trigger `db:"trigger_kind"`
	Drivers   string       `db:"drivers"`
}

// Waits is jobs.WaitStore. What several runs ask for is read once.
func (c *Core) Waits(ctx context.Context, now time.Time, q jobs.WaitQuery) (map[jobs.RunID]jobs.Wait, error) {
	var waits map[jobs.RunID]jobs.Wait
	err := c.read(ctx, "tell why runs wait", func(v *View) error {
		var rows []waitRow
		if err := v.all(&rows, sqlListQueuedRuns, texts(q.Runs), q.Tenant); err != nil {
			return err
		}
		waits = make(map[jobs.RunID]jobs.Wait, len(rows))
		w := waiting{v: v, now: now, q: q, jobs: map[jobs.ID]*busyJob{}}
		for i := range rows {
			wait, err := w.reason(&rows[i])
			if err != nil {
				return err
			}
			waits[rows[i].ID] = wait
		}
		return nil
	})
	return waits, err
}

// waiting is what was read for the runs of one question; nil is not read yet.
type waiting struct {
	v   *View
	now time.Time
	q   jobs.WaitQuery

	jobs    map[jobs.ID]*busyJob
	engine  *busyEngine
	turn    map[jobs.RunID]int
	holders *[]jobs.WaitHolder
}

func (w *waiting) reason(r *waitRow) (jobs.Wait, error) {
	if r.Blocked {
		return w.blocked(r)
	}
	if until := fromMillis(r.NotBefore); until.After(w.now) {
		return jobs.Wait{Reason: jobs.WaitPause, Until: until, Retry: r.StartedAt != 0}, nil
	}
	e, err := w.busy()
	if err != nil {
		return jobs.Wait{}, err
	}
	if len(e.workers) == 0 {
		return jobs.Wait{Reason: jobs.WaitNoWorker}, nil
	}
	fit, missing := e.fit(parseDrivers(r.Drivers))
	switch {
	case len(fit) == 0:
		return jobs.Wait{Reason: jobs.WaitNoDriver, Drivers: missing}, nil
	case e.refused != "":
		return jobs.Wait{Reason: jobs.WaitStorage, Refused: e.refused}, nil
	case e.tenant >= e.tenantLimit:
		holders, err := w.running()
		return jobs.Wait{Reason: jobs.WaitTenantLimit, Running: e.tenant, Limit: e.tenantLimit, Holders: holders}, err
	case e.cluster >= e.clusterLimit:
		holders, err := w.running()
		return jobs.Wait{Reason: jobs.WaitClusterLimit, Holders: holders}, err
	}
	if !slices.ContainsFunc(fit, func(x jobs.Worker) bool { return x.Running < x.Concurrency }) {
		ids := make([]jobs.WorkerID, len(fit))
		for i := range fit {
			ids[i] = fit[i].ID
		}
		holders, err := w.held(ids)
		return jobs.Wait{Reason: jobs.WaitWorkerLimit, Holders: holders}, err
	}
	ahead, err := w.ahead(r.ID)
	return jobs.Wait{Reason: jobs.WaitTurn, Ahead: ahead}, err
}

// busyJob is what is in the way of the blocked runs of a job.
type busyJob struct {
	holders []jobs.WaitHolder
	// chain has the place of each run of a backfill.
	chain map[jobs.RunID]int
}

func (w *waiting) blocked(r *waitRow) (jobs.Wait, error) {
	b, ok := w.jobs[r.JobID]
	if !ok {
		var err error
		if b, err = w.busyJob(r.JobID); err != nil {
			return jobs.Wait{}, err
		}
		w.jobs[r.JobID] = b
	}
	wait := jobs.Wait{Reason: jobs.WaitBlocked, Holders: b.holders}
	if r.Trigger == jobs.TriggerBackfill {
		wait.Ahead = place(b.chain, r.ID)
	}
	return wait, nil
}

// place is where a run stands in a list that was read up to MaxWaitAhead.
func place(list map[jobs.RunID]int, id jobs.RunID) int {
	if n, ok := list[id]; ok {
		return n
	}
	return jobs.MaxWaitAhead
}

func (w *waiting) busyJob(job jobs.ID) (*busyJob, error) {
	var open []holderRow
	if err := w.v.all(&open, sqlListOpenRuns, job, jobs.MaxWaitHolders); err != nil {
		return nil, err
	}
	b := &busyJob{chain: map[jobs.RunID]int{}}
	first := 0
	for _, r := range open {
		if r.Trigger == jobs.TriggerBackfill {
			first = 1
		}
	}
	var chain []jobs.RunID
	if err := w.v.all(&chain, sqlListChain, job, jobs.MaxWaitAhead); err != nil {
		return nil, err
	}
	for i, id := range chain {
		b.chain[id] = min(first+i, jobs.MaxWaitAhead)
	}
	var err error
	b.holders, err = w.name(open)
	return b, err
}

// ahead is how many runs of the tenant are claimed before one that may be claimed itself.
func (w *waiting) ahead(id jobs.RunID) (int, error) {
	if w.turn == nil {
		var ids []jobs.RunID
		if err := w.v.all(&ids, sqlListTurn, w.q.Tenant, toMillis(w.now), jobs.MaxWaitAhead); err != nil {
			return 0, err
		}
		w.turn = make(map[jobs.RunID]int, len(ids))
		for i, id := range ids {
			w.turn[id] = i
		}
	}
	return place(w.turn, id), nil
}

// busyEngine is what workers and limits leave.
type busyEngine struct {
	workers               []jobs.Worker
	refused               string
	tenant, tenantLimit   int
	cluster, clusterLimit int
}

func (w *waiting) busy() (*busyEngine, error) {
	if w.engine != nil {
		return w.engine, nil
	}
	limits, err := clusterLimits(w.v)
	if err != nil {
		return nil, err
	}
	e := &busyEngine{refused: w.v.core.db.RefuseClaims(), clusterLimit: limits.ClusterConcurrency}
	if e.tenantLimit, err = tenantLimit(w.v, w.q.Tenant); err != nil {
		return nil, err
	}
	var counts []runningRow
	if err := w.v.all(&counts, sqlCountRunning, ""); err != nil {
		return nil, err
	}
	for _, row := range counts {
		e.cluster += row.Running
		if row.Tenant == w.q.Tenant {
			e.tenant = row.Running
		}
	}
	var rows []workerRow
	if err := w.v.all(&rows, sqlListActiveWorkers, toMillis(w.now.Add(-limits.Timeout))); err != nil {
		return nil, err
	}
	for i := range rows {
		e.workers = append(e.workers, rows[i].toWorker())
	}
	w.engine = e
	return e, nil
}

// fit are the workers that have all the drivers, and for people the drivers that none of the workers has.
func (e *busyEngine) fit(drivers []driverName) (fit []jobs.Worker, missing []string) {
	has := func(x jobs.Worker, d driverName) bool {
		return slices.Contains(map[jobs.DriverKind][]string{
			jobs.DriverJob: x.JobTypes, jobs.DriverAction: x.ActionTypes, jobs.DriverAttachment: x.AttachmentTypes,
		}[d.kind], d.id)
	}
	for _, x := range e.workers {
		if !slices.ContainsFunc(drivers, func(d driverName) bool { return !has(x, d) }) {
			fit = append(fit, x)
		}
	}
	for _, d := range drivers {
		if !slices.ContainsFunc(e.workers, func(x jobs.Worker) bool { return has(x, d) }) {
			missing = append(missing, string(d.kind)+` driver "`+d.id+`"`)
		}
	}
	return fit, missing
}

type holderRow struct {
	ID        jobs.RunID   `db:"id"`
	JobID     jobs.ID      `db:"job_id"`
	Revision  int64        `db:"revision"`
	StartedAt int64        `db:"started_at"`
	Trigger   jobs.Trigger `db:"trigger_kind"`
}

// running are the holders of the limits of the tenant and of the cluster: both name runs of this tenant only.
func (w *waiting) running() ([]jobs.WaitHolder, error) {
	if w.holders == nil {
		holders, err := w.held(nil)
		if err != nil {
			return nil, err
		}
		w.holders = &holders
	}
	return *w.holders, nil
}

// held are running runs of the tenant on some workers, nil for all, that have run longest. Index runs_held, as long as what runs.
func (w *waiting) held(workers []jobs.WorkerID) ([]jobs.WaitHolder, error) {
	q := new(query)
	q.add("SELECT id, job_id, revision, started_at, trigger_kind\nFROM   runs")
	q.and("status = 'running'")
	q.and("tenant = ?", w.q.Tenant)
	if workers != nil {
		q.and("worker_id IN LIST(?)", texts(workers))
	}
	if w.q.ReadableBy != nil {
		names := texts(w.q.ReadableBy)
		q.and(readableJob, names, names)
	}
	q.add("ORDER  BY started_at, id\nLIMIT  ?", jobs.MaxWaitHolders)
	var rows []holderRow
	if err := w.v.build(&rows, q); err != nil {
		return nil, err
	}
	return w.name(rows)
}

// readableJob is the condition for a row with a job_id, by primary keys: one of some principals owns the job or has a share of it. It
// takes the list twice.
const readableJob = `EXISTS (SELECT 1 FROM jobs j WHERE j.id = job_id AND (j.owner_id IN LIST(?)
	       OR EXISTS (SELECT 1 FROM job_shares s WHERE s.job_id = j.id AND s.principal_id IN LIST(?))))`

// name makes the holders of rows. The name of a job whose definition cannot be read is empty.
func (w *waiting) name(rows []holderRow) ([]jobs.WaitHolder, error) {
	holders := make([]jobs.WaitHolder, len(rows))
	for i, r := range rows {
		d, fault, err := w.v.core.definition(w.v, r.JobID, r.Revision)
		if err != nil {
			return nil, err
		}
		holders[i] = jobs.WaitHolder{JobID: r.JobID, RunID: r.ID, StartedAt: fromMillis(r.StartedAt)}
		if fault == "" {
			holders[i].JobName = d.Name
		}
	}
	return holders, nil
}

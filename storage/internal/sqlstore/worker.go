package sqlstore

import (
	"context"
	"encoding/json"
	"strings"
	"time"

	"github.com/carillon-go/carillon/jobs"
)

const sqlInsertWorker = `
	INSERT INTO job_workers (id, hostname, host_fold, pid, version, status, concurrency, job_types, action_types, attachment_types, beat, started_at,
	       heartbeat_at, stopped_at)
	VALUES (?, ?, ?, ?, ?, 'active', ?, ?, ?, ?, 0, ?, ?, 0)`

// RegisterWorker is jobs.WorkerStore. A taken id is a *jobs.ConflictError.
func (c *Core) RegisterWorker(ctx context.Context, now time.Time, w jobs.Worker) error {
	ms := toMillis(now)
	return c.write(ctx, "register worker", func(t *Tx) error {
		_, err := t.exec(sqlInsertWorker, w.ID, w.Hostname, strings.ToLower(w.Hostname), w.PID, w.Version, w.Concurrency,
			mustJSON(w.JobTypes), mustJSON(w.ActionTypes), mustJSON(w.AttachmentTypes), ms, ms)
		if c.db.Unique(err) {
			return jobs.Conflict("the worker %s exists already", w.ID)
		}
		t.news.add(jobs.TopicWorker)
		t.changedWorker(w.ID)
		return err
	})
}

const workerColumns = `id, hostname, pid, version, status, concurrency, job_types, action_types, attachment_types, beat, started_at, heartbeat_at, stopped_at,
	       (SELECT count(*) FROM runs WHERE runs.worker_id = job_workers.id AND runs.status = 'running') AS running`

type workerRow struct {
	ID          jobs.WorkerID     `db:"id"`
	Hostname    string            `db:"hostname"`
	PID         int               `db:"pid"`
	Version     string            `db:"version"`
	Status      jobs.WorkerStatus `db:"status"`
	Concurrency int               `db:"concurrency"`
	JobTypes    string            `db:"job_types"`
	ActionTypes string            `db:"action_types"`
	Attachments string            `db:"attachment_types"`
	Beat        int64             `db:"beat"`
	StartedAt   int64             `db:"started_at"`
	HeartbeatAt int64             `db:"heartbeat_at"`
	StoppedAt   int64             `db:"stopped_at"`
	Running     int               `db:"running"`
}

// toWorker makes the worker. Names of drivers are for people only: a list that cannot be read is empty.
func (r *workerRow) toWorker() jobs.Worker {
	w := jobs.Worker{
		ID: r.ID, Hostname: r.Hostname, PID: r.PID, Version: r.Version, Status: r.Status, Concurrency: r.Concurrency, Running: r.Running,
		Beat: r.Beat, StartedAt: fromMillis(r.StartedAt), HeartbeatAt: fromMillis(r.HeartbeatAt), StoppedAt: fromMillis(r.StoppedAt),
	}
	w.JobTypes, w.ActionTypes, w.AttachmentTypes = driverList(r.JobTypes), driverList(r.ActionTypes), driverList(r.Attachments)
	return w
}

func driverList(text string) []string {
	var ids []string
	if err := json.Unmarshal([]byte(text), &ids); err != nil {
		return nil
	}
	return ids
}

const (
	// sqlGetWorker: lookup by primary key.
	sqlGetWorker = `
	SELECT ` + workerColumns + `
	FROM   job_workers
	WHERE  id = ?`
	// sqlListHeld: index runs_held.
	sqlListHeld = `
	SELECT ` + liveColumns + `
	FROM   runs
	WHERE  worker_id = ? AND status = 'running'
	ORDER  BY started_at, id`
	// sqlListCurrent: index runs_held.
	sqlListCurrent = `
	SELECT worker_id, job_id, id, started_at
	FROM   runs
	WHERE  worker_id IN LIST(?) AND tenant = ? AND status = 'running'
	ORDER  BY started_at, id`
)

func getWorker(g getter, id jobs.WorkerID) (*workerRow, error) {
	var row workerRow
	ok, err := g.get(&row, sqlGetWorker, id)
	if err != nil {
		return nil, err
	}
	if !ok {
		return nil, jobs.NotFound("worker")
	}
	return &row, nil
}

// HeldRuns is jobs.WorkerStore.
func (c *Core) HeldRuns(ctx context.Context, id jobs.WorkerID) (jobs.Worker, []jobs.Claim, error) {
	var worker jobs.Worker
	var claims []jobs.Claim
	err := c.read(ctx, "read held runs", func(v *View) error {
		row, err := getWorker(v, id)
		if err != nil {
			return err
		}
		worker = row.toWorker()
		var rows []runRow
		if err := v.all(&rows, sqlListHeld, id); err != nil {
			return err
		}
		for i := range rows {
			run, err := c.run(v, &rows[i])
			if err != nil {
				return err
			}
			if run.unreadable != "" {
				run.disarm()
			}
			claims = append(claims, jobs.Claim{Run: *run.Run, Definition: run.definition, Resumed: rows[i].Resumed})
		}
		return nil
	})
	return worker, claims, err
}

// disarm takes from a held run what a worker could execute: it does not know what it would do. The worker that has it in memory
// goes on with what it has.
func (r *storedRun) disarm() {
	r.definition = new(jobs.Definition)
	if len(r.Steps) == 0 {
		r.Steps = jobs.FirstSteps(r.definition, r.StartedAt)
	}
	for i := range r.Steps {
		if s := &r.Steps[i]; !s.State.Done() {
			s.Type = ""
		}
	}
}

// sqlListBeats: index job_workers_live.
const sqlListBeats = `
	SELECT id, beat
	FROM   job_workers
	WHERE  status IN ('active', 'draining')
	ORDER  BY id`

// Beats is jobs.WorkerStore. Dead is left to stores that know.
func (c *Core) Beats(ctx context.Context) ([]jobs.WorkerBeat, error) {
	var rows []struct {
		ID   jobs.WorkerID `db:"id"`
		Beat int64         `db:"beat"`
	}
	err := c.read(ctx, "read beats", func(v *View) error { return v.all(&rows, sqlListBeats) })
	beats := make([]jobs.WorkerBeat, len(rows))
	for i, r := range rows {
		beats[i] = jobs.WorkerBeat{ID: r.ID, Beat: r.Beat}
	}
	return beats, err
}

// sqlStopWorker: lookup by primary key; no row: it holds runs or is not live.
const sqlStopWorker = `
	UPDATE job_workers
	SET    status = 'stopped', stopped_at = ?
	WHERE  id = ? AND status IN ('active', 'draining')
	       AND NOT EXISTS (SELECT 1 FROM runs WHERE runs.worker_id = job_workers.id AND runs.status = 'running')`

// StopWorker is jobs.WorkerStore.
func (c *Core) StopWorker(ctx context.Context, now time.Time, id jobs.WorkerID) error {
	return c.write(ctx, "stop worker", func(t *Tx) error {
		row, err := getWorker(t, id)
		if err != nil {
			return err
		}
		n, err := t.exec(sqlStopWorker, toMillis(now), id)
		if err != nil {
			return err
		}
		t.news.add(jobs.TopicWorker)
		t.changedWorker(id)
		switch {
		case n > 0:
			return nil
		case !row.Status.Live():
			return jobs.Conflict("the worker is %s", row.Status)
		}
		return jobs.Conflict("the worker holds %d runs", row.Running)
	})
}

var workerSort = map[string]sortColumn{
	"hostname":    {"host_fold", false},
	"startedAt":   {"started_at", false},
	"heartbeatAt": {"heartbeat_at", false},
	"running":     {"running", false},
}

// Workers is jobs.WorkerAdminStore.
func (c *Core) Workers(ctx context.Context, f jobs.WorkerQuery) (jobs.Page[jobs.Worker], error) {
	filter := func(q *query) {
		if len(f.Statuses) == 0 {
			q.and("status <> 'stopped'")
		} else {
			q.and("status IN LIST(?)", texts(f.Statuses))
		}
	}
	count, page := new(query), new(query)
	count.add("SELECT count(*) FROM job_workers")
	filter(count)
	page.add("SELECT " + workerColumns + "\nFROM   job_workers")
	filter(page)
	if err := page.orderBy(workerSort, f.Sort, jobs.SortKey{Field: "hostname"}); err != nil {
		return jobs.Page[jobs.Worker]{}, err
	}
	page.page(f.Start, f.Limit)
	var result jobs.Page[jobs.Worker]
	err := c.read(ctx, "list workers", func(v *View) error {
		var total []int
		if err := v.build(&total, count); err != nil {
			return err
		}
		var rows []workerRow
		if err := v.build(&rows, page); err != nil {
			return err
		}
		items, err := v.workers(rows, f.Tenant)
		result = jobs.Page[jobs.Worker]{Items: items, Total: total[0]}
		return err
	})
	return result, err
}

// workers makes workers of rows, with their runs of a tenant.
func (v *View) workers(rows []workerRow, tenant jobs.TenantID) ([]jobs.Worker, error) {
	out := make([]jobs.Worker, len(rows))
	at := map[jobs.WorkerID]int{}
	ids := make([]jobs.WorkerID, len(rows))
	for i := range rows {
		w := rows[i].toWorker()
		out[i], at[w.ID], ids[i] = w, i, w.ID
	}
	var current []struct {
		WorkerID  jobs.WorkerID `db:"worker_id"`
		JobID     jobs.ID       `db:"job_id"`
		RunID     jobs.RunID    `db:"id"`
		StartedAt int64         `db:"started_at"`
	}
	if err := v.all(&current, sqlListCurrent, texts(ids), tenant); err != nil {
		return nil, err
	}
	for _, r := range current {
		w := &out[at[r.WorkerID]]
		w.CurrentRuns = append(w.CurrentRuns, jobs.WorkerRun{JobID: r.JobID, RunID: r.RunID, StartedAt: fromMillis(r.StartedAt)})
	}
	return out, nil
}

// Worker is jobs.WorkerAdminStore.
func (c *Core) Worker(ctx context.Context, id jobs.WorkerID, tenant jobs.TenantID) (jobs.Worker, error) {
	var worker jobs.Worker
	err := c.read(ctx, "read worker", func(v *View) error {
		row, err := getWorker(v, id)
		if err != nil {
			return err
		}
		all, err := v.workers([]workerRow{*row}, tenant)
		if err != nil {
			return err
		}
		worker = all[0]
		return nil
	})
	return worker, err
}

// sqlSteerWorker: lookup by primary key.
const sqlSteerWorker = `
	UPDATE job_workers
	SET    status = COALESCE(NULLIF(?, ''), status), concurrency = COALESCE(NULLIF(CAST(? AS BIGINT), 0), concurrency)
	WHERE  id = ? AND status IN ('active', 'draining')`

// SteerWorker is jobs.WorkerAdminStore.
func (c *Core) SteerWorker(ctx context.Context, id jobs.WorkerID, status jobs.WorkerStatus, concurrency int) error {
	if status != "" && !status.Live() {
		return jobs.Invalid("status", "is %q; one of active, draining", status)
	}
	return c.write(ctx, "steer worker", func(t *Tx) error {
		row, err := getWorker(t, id)
		if err != nil {
			return err
		}
		n, err := t.exec(sqlSteerWorker, string(status), concurrency, id)
		if err != nil {
			return err
		}
		if n == 0 {
			return jobs.Conflict("the worker is %s", row.Status)
		}
		t.news.add(jobs.TopicWorker)
		t.changedWorker(id)
		return nil
	})
}

const sqlDeleteWorker = `
	DELETE FROM job_workers
	WHERE  id = ?`

// DeleteWorker is jobs.WorkerAdminStore.
func (c *Core) DeleteWorker(ctx context.Context, id jobs.WorkerID) error {
	return c.write(ctx, "delete worker", func(t *Tx) error {
		row, err := getWorker(t, id)
		if err != nil {
			return err
		}
		if row.Status.Live() {
			return jobs.Conflict("the worker is %s", row.Status)
		}
		t.news.add(jobs.TopicWorker)
		t.changedWorker(id)
		_, err = t.exec(sqlDeleteWorker, id)
		return err
	})
}

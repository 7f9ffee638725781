package sqlstore

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/carillon-go/carillon/jobs"
)

const (
	// sqlInsertEnded: the row never changes after it.
	sqlInsertEnded = sqlIntoHistory + historyRow
	sqlIntoHistory = `
	INSERT INTO run_history (id, tenant, job_id, owner_id, revision, status, trigger_kind, triggered_by, retry_of, worker_id, fence, urgency,
	       not_before, fire_at, losses, attempt, cancel_requested, params, steps, warnings, error, seq, created_at, updated_at,
	       started_at, ended_at)
	VALUES `
	historyRow = `(?, ?, ?, ?, ?, ?, ?, ?, NULLIF(?, ''), NULLIF(?, ''), ?, ?, ?, NULLIF(CAST(? AS BIGINT), 0), ?, ?, ?, ?, NULLIF(?, ''), ?, ?, ?, ?, ?, ?, ?)`
	// sqlDeleteLive: lookup by primary key; the status is the one that the run leaves (R1).
	sqlDeleteLive = `
	DELETE FROM runs
	WHERE  id = ? AND status = ?`
)

// insertSizes are how many rows a statement inserts at once, so that there are few texts.
var insertSizes = []int{50, 20, 10, 5, 2}

// sqlInsertManyEnded is sqlInsertEnded of several rows, by their number.
var sqlInsertManyEnded = manyRows(sqlIntoHistory, historyRow)

// manyRows are the texts that insert one row and each of insertSizes.
func manyRows(into, row string) map[int]string {
	texts := map[int]string{1: into + row}
	for _, n := range insertSizes {
		texts[n] = into + strings.Repeat(row+", ", n-1) + row
	}
	return texts
}

// rowsAtOnce is how many of n rows the next statement inserts.
func (c *Core) rowsAtOnce(n int) int {
	if c.db.Remote() {
		for _, size := range insertSizes {
			if size <= n {
				return size
			}
		}
	}
	return 1
}

func (t *Tx) insertEnded(r *runRow) error {
	t.noteEnded(r)
	_, err := t.exec(sqlInsertEnded, endedArgs(nil, r)...)
	return err
}

// insertAllEnded writes the rows of an exchange, which were noted before.
func (c *Core) insertAllEnded(t *Tx, rows []*runRow) error {
	for len(rows) > 0 {
		n := c.rowsAtOnce(len(rows))
		var args []any
		for _, r := range rows[:n] {
			args = endedArgs(args, r)
		}
		if _, err := t.exec(sqlInsertManyEnded[n], args...); err != nil {
			return err
		}
		rows = rows[n:]
	}
	return nil
}

// noteEnded notes all that the end of a run changes beside its row.
func (t *Tx) noteEnded(r *runRow) {
	t.news.run(r.ID)
	t.addEnded(endedOf{r.JobID, r.Revision, r.Status}, 1)
	t.noteEnd(r)
	t.changedRun(r.Tenant, r.JobID, r.ID, r.Status)
}

// endedArgs appends the values of historyRow.
func endedArgs(args []any, r *runRow) []any {
	return append(args, r.ID, r.Tenant, r.JobID, r.OwnerID, r.Revision, r.Status, r.Trigger, r.TriggeredBy, r.RetryOf, r.WorkerID,
		r.Fence, r.Urgency, r.NotBefore, r.FireAt, r.Losses, r.Attempt, toInt(r.CancelRequested), r.Params, r.Steps, toInt(r.Warnings), r.Error, r.Seq,
		r.CreatedAt, r.UpdatedAt, r.StartedAt, r.EndedAt)
}

// endedOf is what ended runs are counted by.
type endedOf struct {
	job      jobs.ID
	revision int64
	status   jobs.RunStatus
}

// addEnded notes that the number of ended runs of a job changes; the row is written once, at the end of the transaction.
func (t *Tx) addEnded(of endedOf, n int) {
	if t.ended == nil {
		t.ended = map[endedOf]int{}
	}
	t.ended[of] += n
}

const (
	// sqlAddEnded: lookup by primary key.
	sqlAddEnded = `
	INSERT INTO run_totals (job_id, revision, status, ended)
	VALUES (?, ?, ?, ?)
	ON CONFLICT (job_id, revision, status) DO UPDATE SET ended = run_totals.ended + excluded.ended`
	// sqlTakeEnded: lookup by primary key.
	sqlTakeEnded = `
	UPDATE run_totals
	SET    ended = ended - ?
	WHERE  job_id = ? AND revision = ? AND status = ?`
	// sqlDropTotal: lookup by primary key.
	sqlDropTotal = `
	DELETE FROM run_totals
	WHERE  job_id = ? AND revision = ? AND status = ? AND ended = 0`
)

// flushEnded writes the totals in the order of jobs, so that transactions which touch the same ones cannot wait for each other (R9), and lets
// go revisions that were kept for the runs that are gone.
func (t *Tx) flushEnded() error {
	for _, of := range slices.SortedFunc(maps.Keys(t.ended), func(a, b endedOf) int {
		return cmp.Or(cmp.Compare(a.job, b.job), cmp.Compare(a.revision, b.revision), cmp.Compare(a.status, b.status))
	}) {
		n := t.ended[of]
		if n > 0 {
			if _, err := t.exec(sqlAddEnded, of.job, of.revision, of.status, n); err != nil {
				return err
			}
		}
		if n >= 0 {
			continue
		}
		if _, err := t.exec(sqlTakeEnded, -n, of.job, of.revision, of.status); err != nil {
			return err
		}
		if _, err := t.exec(sqlDropTotal, of.job, of.revision, of.status); err != nil {
			return err
		}
		if err := t.releaseRevision(of.job, of.revision); err != nil {
			return err
		}
	}
	return nil
}

// end moves a run to its final state when its worker does not do so itself (that is Exchange): a cancel before the start, a
// lost worker, a cancel of a run that was given back. The caller promotes blocked runs of the job afterwards.
func (c *Core) end(t *Tx, row *runRow, status jobs.RunStatus, steps []jobs.Step, message string, seq int64, at time.Time) error {
	if !row.Status.CanBecome(status) {
		return fmt.Errorf("run %s cannot become %s: it is %s", row.ID, status, row.Status)
	}
	text, err := storedSteps(steps)
	if err != nil {
		return err
	}
	n, err := t.exec(sqlDeleteLive, row.ID, row.Status)
	if err != nil {
		return err
	}
	if n != 1 {
		return fmt.Errorf("end run %s: it is not %s any more", row.ID, row.Status)
	}
	ended := *row
	ended.Status, ended.Steps, ended.Error, ended.Seq = status, text, message, seq
	ended.EndedAt = toMillis(at)
	ended.UpdatedAt = ended.EndedAt
	if err := t.insertEnded(&ended); err != nil {
		return err
	}
	if row.Status == jobs.RunQueued {
		t.addQueued(row.Tenant, -1)
	}
	c.roomFreed(t)
	return nil
}

// roomFreed tells workers that a run has ended, if a limit has held back others.
func (c *Core) roomFreed(t *Tx) {
	if c.limited.Swap(false) {
		t.news.add(jobs.TopicQueue)
		t.tookLimited = true
	}
}

// endQueued ends a queued run as canceled, for that reason.
func (c *Core) endQueued(t *Tx, row *runRow, at time.Time, reason string) error {
	run, err := c.run(t, row)
	if err != nil {
		return err
	}
	at = fromMillis(toMillis(at))
	steps, seq := moveSteps(run.Steps, at, run.Seq, "canceled")
	return c.end(t, row, jobs.RunCanceled, steps, reason, seq+1, at)
}

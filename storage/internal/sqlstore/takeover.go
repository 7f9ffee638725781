package sqlstore

import (
	"context"
	"time"

	"github.com/carillon-go/carillon/jobs"
)

// sqlLoseWorker: lookup by primary key; no row: it lives, or was taken over before.
const sqlLoseWorker = `
	UPDATE job_workers
	SET    status = 'lost', stopped_at = ?
	WHERE  id = ? AND beat = ? AND status IN ('active', 'draining')`

// TakeOver is jobs.WorkerStore (T7). The worker's row decides: of several that take over, one finds it live. After the commit no
// write of the lost worker matches any more, because its runs have no worker or another one, and its beats do not match.
func (c *Core) TakeOver(ctx context.Context, now time.Time, id jobs.WorkerID, seen int64, reason string) ([]jobs.RunID, error) {
	var taken []jobs.RunID
	err := c.write(ctx, "take over worker", func(t *Tx) error {
		taken = nil
		n, err := t.exec(sqlLoseWorker, toMillis(now), id, seen)
		if err != nil || n == 0 {
			return err
		}
		t.news.add(jobs.TopicWorker)
		t.changedWorker(id)
		var rows []runRow
		if err := t.all(&rows, sqlListHeld, id); err != nil {
			return err
		}
		var freed []jobs.ID
		for i := range rows {
			requeued, err := c.interrupt(t, &rows[i], now, id, reason)
			if err != nil {
				return err
			}
			if !requeued {
				freed = append(freed, rows[i].JobID)
			}
			taken = append(taken, rows[i].ID)
		}
		return t.promoteAll(freed)
	})
	if err != nil {
		return nil, err
	}
	return taken, nil
}

// interrupt puts a run of a lost worker back, or ends it, with a log entry that says so.
func (c *Core) interrupt(t *Tx, row *runRow, now time.Time, worker jobs.WorkerID, reason string) (requeued bool, err error) {
	run, err := c.run(t, row)
	if err != nil {
		return false, err
	}
	now = fromMillis(toMillis(now))
	row.Losses++
	run.Losses = row.Losses
	entry := jobs.LogEntry{Level: jobs.LogWarn, CreatedAt: now, Data: []byte(mustJSON(map[string]string{"workerId": string(worker)}))}
	what := jobs.Interrupt(run.Run, run.definition, now, reason)
	seq := what.Seq + 1 // the entry is the event after those of the steps
	switch {
	case row.CancelRequested:
		// Nobody may start a step of it any more (I7), so there is nothing to put it back for.
		entry.Message = reason + "; the run was to be canceled and has ended"
		var steps []jobs.Step
		steps, seq = moveSteps(run.Steps, now, row.Seq, "canceled")
		seq++
		err = c.end(t, row, jobs.RunCanceled, steps, "canceled", seq, now)
	case run.unreadable != "":
		entry.Message, entry.Level = reason+"; "+run.unreadable, jobs.LogError
		var steps []jobs.Step
		steps, seq = moveSteps(run.Steps, now, row.Seq, entry.Message)
		seq++
		err = c.end(t, row, jobs.RunError, steps, entry.Message, seq, now)
	case what.Requeue:
		entry.Message = reason + "; the run goes on with another worker"
		requeued = true
		err = t.requeue(row, what.Steps, seq, row.NotBefore, row.Fence+1, now)
	default:
		entry.Message, entry.Level = what.Error, jobs.LogError
		err = c.end(t, row, jobs.RunError, what.Steps, what.Error, seq, now)
	}
	if err != nil {
		return false, err
	}
	entry.Seq = seq
	if entry.Index, err = t.nextLogIndex(row.ID); err != nil {
		return false, err
	}
	return requeued, t.appendLogs(row.ID, []jobs.LogEntry{entry})
}

package sqlstore

import (
	"maps"
	"slices"

	"github.com/carillon-go/carillon/jobs"
)

// lastEnd is what a transaction learns of the run of a job that ended last.
type lastEnd struct {
	id                 jobs.RunID
	status             jobs.RunStatus
	warnings           bool
	startedAt, endedAt int64
	// removed: ended runs were removed, and the last one may be among them.
	removed bool
}

func (t *Tx) lastOf(job jobs.ID) *lastEnd {
	if t.last == nil {
		t.last = map[jobs.ID]*lastEnd{}
	}
	l := t.last[job]
	if l == nil {
		l = new(lastEnd)
		t.last[job] = l
	}
	return l
}

// noteEnd notes that a run has ended; the row of its job is written once, at the end of the transaction.
func (t *Tx) noteEnd(r *runRow) {
	l := t.lastOf(r.JobID)
	if r.EndedAt > l.endedAt || r.EndedAt == l.endedAt && r.ID > l.id {
		l.id, l.status, l.warnings, l.startedAt, l.endedAt = r.ID, r.Status, r.Warnings, r.StartedAt, r.EndedAt
	}
}

const (
	// sqlPutLast: lookup by primary key. Of the two runs that may have ended last the later one stays.
	sqlPutLast = `
	INSERT INTO last_runs (job_id, run_id, status, warnings, started_at, ended_at)
	VALUES (?, ?, ?, ?, ?, ?)
	ON CONFLICT (job_id) DO UPDATE SET run_id = excluded.run_id, status = excluded.status, warnings = excluded.warnings,
	       started_at = excluded.started_at, ended_at = excluded.ended_at
	WHERE  (excluded.ended_at, excluded.run_id) > (last_runs.ended_at, last_runs.run_id)`
	// sqlDropLast: lookups by primary key; only if the run that is noted is not kept any more.
	sqlDropLast = `
	DELETE FROM last_runs
	WHERE  job_id = ? AND NOT EXISTS (SELECT 1 FROM run_history h WHERE h.id = last_runs.run_id)`
	// sqlFindLast: index run_history_ended, its newest entry of the job.
	sqlFindLast = `
	INSERT INTO last_runs (job_id, run_id, status, warnings, started_at, ended_at)
	SELECT job_id, id, status, warnings, started_at, ended_at
	FROM   run_history
	WHERE  id = (SELECT e.id FROM run_history e WHERE e.job_id = ? ORDER BY e.ended_at DESC, e.id DESC LIMIT 1)
	ON CONFLICT (job_id) DO NOTHING`
)

// flushLast writes the last runs in the order of jobs, so that transactions which touch the same ones cannot wait for each other (R9).
func (t *Tx) flushLast() error {
	for _, job := range slices.Sorted(maps.Keys(t.last)) {
		l := t.last[job]
		if l.id != "" {
			if _, err := t.exec(sqlPutLast, job, l.id, l.status, toInt(l.warnings), l.startedAt, l.endedAt); err != nil {
				return err
			}
		}
		if !l.removed {
			continue
		}
		for _, statement := range []string{sqlDropLast, sqlFindLast} {
			if _, err := t.exec(statement, job); err != nil {
				return err
			}
		}
	}
	return nil
}

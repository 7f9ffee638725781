package sqlstore

import (
	"context"
	"encoding/json"
	"strconv"
	"strings"

	"github.com/google/uuid"

	"github.com/carillon-go/carillon/jobs"
)

const (
	// sqlInsertLog: a repeated index is not an error here, see appendLogs.
	sqlInsertLog = `
	INSERT INTO run_logs (run_id, idx, seq, level, message, action_id, data, created_at)
	VALUES (?, ?, ?, ?, ?, ?, ?, ?)
	ON CONFLICT (run_id, idx) DO NOTHING`
	// sqlNextLogIndex: primary key, from its end.
	sqlNextLogIndex = `
	SELECT COALESCE(max(idx) + 1, 0)
	FROM   run_logs
	WHERE  run_id = ?`
)

// appendLogs stores entries. An index that is taken (the store wrote an entry when a worker was lost) moves the entry to the end of
// the log: no entry is lost.
func (t *Tx) appendLogs(run jobs.RunID, entries []jobs.LogEntry) error {
	for i := range entries {
		e := &entries[i]
		n, err := t.insertLog(run, e, e.Index)
		if err != nil {
			return err
		}
		if n > 0 {
			continue
		}
		next, err := t.nextLogIndex(run)
		if err != nil {
			return err
		}
		if _, err := t.insertLog(run, e, next); err != nil {
			return err
		}
	}
	return nil
}

func (t *Tx) insertLog(run jobs.RunID, e *jobs.LogEntry, index int64) (int, error) {
	var data any
	if len(e.Data) > 0 {
		data = string(e.Data)
	}
	return t.exec(sqlInsertLog, run, index, e.Seq, int(e.Level), e.Message, e.ActionID, data, toMillis(e.CreatedAt))
}

func (t *Tx) nextLogIndex(run jobs.RunID) (int64, error) {
	var next int64
	_, err := t.get(&next, sqlNextLogIndex, run)
	return next, err
}

type logRow struct {
	RunID     jobs.RunID    `db:"run_id"`
	Index     int64         `db:"idx"`
	Seq       int64         `db:"seq"`
	Level     jobs.LogLevel `db:"level"`
	Message   string        `db:"message"`
	ActionID  jobs.ActionID `db:"action_id"`
	Data      string        `db:"data"`
	CreatedAt int64         `db:"created_at"`
}

// logSpace is the namespace of the ids of log entries; its value means nothing.
var logSpace = uuid.MustParse("6f1d1c6e-3c53-4a3e-9a55-0d3d5a2b8f10")

func (r *logRow) toEntry() jobs.LogEntry {
	e := jobs.LogEntry{
		ID:    uuid.NewSHA1(logSpace, []byte(string(r.RunID)+"/"+strconv.FormatInt(r.Index, 10))).String(),
		RunID: r.RunID, Index: r.Index, Seq: r.Seq, Level: r.Level, Message: r.Message, ActionID: r.ActionID,
		CreatedAt: fromMillis(r.CreatedAt),
	}
	if r.Data != "" {
		e.Data = json.RawMessage(r.Data)
	}
	return e
}

const logColumns = `run_id, idx, seq, level, message, action_id, COALESCE(data, '') AS data, created_at`

// Logs is jobs.RunStore. Words are looked for in Go, so that upper and lower case mean the same in every script and on every
// database; a run has at most jobs.MaxLogEntries entries.
func (c *Core) Logs(ctx context.Context, f jobs.LogQuery) (jobs.Page[jobs.LogEntry], error) {
	filter := func(q *query) {
		q.and("run_id = ?", f.RunID)
		if f.Level > jobs.LogDebug {
			q.and("level >= ?", int(f.Level))
		}
		if f.ActionID != "" {
			q.and("action_id = ?", f.ActionID)
		}
	}
	count, page := new(query), new(query)
	count.add("SELECT count(*) FROM run_logs")
	filter(count)
	page.add("SELECT " + logColumns + "\nFROM   run_logs")
	filter(page)
	if f.Descending {
		page.add("ORDER BY idx DESC")
	} else {
		page.add("ORDER BY idx")
	}
	if len(f.Words) == 0 {
		page.page(f.Start, f.Limit)
	}
	var result jobs.Page[jobs.LogEntry]
	err := c.read(ctx, "read log", func(v *View) error {
		if _, err := anyRun(v, f.Tenant, f.RunID); err != nil {
			return err
		}
		var rows []logRow
		if err := v.build(&rows, page); err != nil {
			return err
		}
		if len(f.Words) > 0 {
			rows = withWords(rows, f.Words)
			result.Total = len(rows)
			rows = part(rows, f.Start, f.Limit)
		} else {
			var total []int
			if err := v.build(&total, count); err != nil {
				return err
			}
			result.Total = total[0]
		}
		result.Items = make([]jobs.LogEntry, len(rows))
		for i := range rows {
			result.Items[i] = rows[i].toEntry()
		}
		return nil
	})
	return result, err
}

func withWords(rows []logRow, words []string) []logRow {
	var out []logRow
	for _, row := range rows {
		text := strings.ToLower(row.Message)
		all := true
		for _, word := range words {
			all = all && strings.Contains(text, strings.ToLower(word))
		}
		if all {
			out = append(out, row)
		}
	}
	return out
}

// part is a page of rows that were read already; limit 0 is no limit.
func part[T any](rows []T, start, limit int) []T {
	rows = rows[min(max(start, 0), len(rows)):]
	if limit > 0 {
		rows = rows[:min(limit, len(rows))]
	}
	return rows
}

// sqlListEvents: primary key of the run's log. Entries of one run are few enough to look at each.
const sqlListEvents = `
	SELECT ` + logColumns + `
	FROM   run_logs
	WHERE  run_id = ? AND seq > ?
	ORDER  BY seq, idx
	LIMIT  ?`

// Events is jobs.RunStore.
func (c *Core) Events(ctx context.Context, tenant jobs.TenantID, id jobs.RunID, after int64, limit int) (*jobs.Run, []jobs.LogEntry, error) {
	var run *jobs.Run
	var entries []jobs.LogEntry
	err := c.read(ctx, "read events", func(v *View) error {
		row, err := anyRun(v, tenant, id)
		if err != nil {
			return err
		}
		if run, err = c.readRun(v, row); err != nil {
			return err
		}
		var rows []logRow
		if err := v.all(&rows, sqlListEvents, id, after, limit); err != nil {
			return err
		}
		for i := range rows {
			entries = append(entries, rows[i].toEntry())
		}
		return nil
	})
	return run, entries, err
}

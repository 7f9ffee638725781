package sqlstore

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/carillon-go/carillon/jobs"
)

type auditRow struct {
	ID        string           `db:"id"`
	At        int64            `db:"at"`
	Tenant    jobs.TenantID    `db:"tenant"`
	Actor     jobs.PrincipalID `db:"actor"`
	ActorKind jobs.ActorKind   `db:"actor_kind"`
	TokenID   string           `db:"token_id"`
	Address   string           `db:"address"`
	RequestID string           `db:"request_id"`
	Action    jobs.AuditAction `db:"action"`
	Kind      string           `db:"kind"`
	Object    string           `db:"object"`
	JobID     jobs.ID          `db:"job_id"`
	Revision  int64            `db:"revision"`
	Fields    string           `db:"fields"`
	Result    jobs.AuditResult `db:"result"`
}

func (r *auditRow) toAudit() (jobs.AuditRow, error) {
	row := jobs.AuditRow{
		ID: r.ID, At: fromMillis(r.At), Tenant: r.Tenant, Actor: r.Actor, ActorKind: r.ActorKind, TokenID: r.TokenID, Address: r.Address,
		RequestID: r.RequestID, Action: r.Action, Kind: r.Kind, Object: r.Object, JobID: r.JobID, Revision: r.Revision, Result: r.Result,
	}
	if err := json.Unmarshal([]byte(r.Fields), &row.Fields); err != nil {
		return jobs.AuditRow{}, fmt.Errorf("audit row %s: %w", r.ID, err)
	}
	return row, nil
}

const (
	auditColumns = `id, at, tenant, actor, actor_kind, token_id, address, request_id, action, kind, object, job_id, revision, fields, result`

	sqlInsertAudit = `
	INSERT INTO audit (id, at, tenant, actor, actor_kind, token_id, address, request_id, action, kind, object, job_id, revision, fields, result)
	VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`
	// sqlPruneAudit: index audit_age.
	sqlPruneAudit = `
	DELETE FROM audit
	WHERE  id IN (SELECT id FROM audit WHERE at < ? ORDER BY at LIMIT ?)`
)

// addAudit stores one row in the transaction.
func (t *Tx) addAudit(r jobs.AuditRow) error {
	fields := "[]"
	if len(r.Fields) > 0 {
		fields = mustJSON(r.Fields)
	}
	_, err := t.exec(sqlInsertAudit, r.ID, toMillis(r.At), r.Tenant, r.Actor, r.ActorKind, r.TokenID, r.Address, r.RequestID, r.Action, r.Kind,
		r.Object, r.JobID, r.Revision, fields, r.Result)
	return err
}

// auditContext stores the rows that the context of a write brings (R67).
func (t *Tx) auditContext(ctx context.Context) error {
	rows, committed := jobs.PendingAudit(ctx)
	if len(rows) == 0 || t.nothingDone {
		return nil
	}
	for i := range rows {
		if err := t.addAudit(rows[i]); err != nil {
			return err
		}
	}
	t.onCommit = append(t.onCommit, committed)
	return nil
}

// AddAudit is jobs.AuditStore.
func (c *Core) AddAudit(ctx context.Context, rows []jobs.AuditRow) error {
	if len(rows) == 0 {
		return nil
	}
	return c.write(ctx, "add audit rows", func(t *Tx) error {
		for i := range rows {
			if err := t.addAudit(rows[i]); err != nil {
				return err
			}
		}
		return nil
	})
}

// Audit is jobs.AuditStore. The rows of a tenant, and those of a job, are read in the order of their index.
func (c *Core) Audit(ctx context.Context, f jobs.AuditQuery) (jobs.Page[jobs.AuditRow], error) {
	var result jobs.Page[jobs.AuditRow]
	count, page := auditQueries(f)
	err := c.read(ctx, "list audit rows", func(v *View) error {
		var total []int
		if err := v.build(&total, count); err != nil {
			return err
		}
		var rows []auditRow
		if err := v.build(&rows, page); err != nil {
			return err
		}
		result = jobs.Page[jobs.AuditRow]{Items: make([]jobs.AuditRow, len(rows)), Total: total[0]}
		for i := range rows {
			var err error
			if result.Items[i], err = rows[i].toAudit(); err != nil {
				return err
			}
		}
		return nil
	})
	return result, err
}

func auditQueries(f jobs.AuditQuery) (count, page *query) {
	count, page = new(query), new(query)
	count.add("SELECT count(*)\nFROM   audit")
	page.add("SELECT " + auditColumns + "\nFROM   audit")
	for _, q := range []*query{count, page} {
		q.and("tenant = ?", f.Tenant)
		if f.JobID != "" {
			q.and("job_id = ?", f.JobID)
			q.and("job_id <> ''") // lets the partial index serve
		}
		if f.Actor != "" {
			q.and("actor = ?", f.Actor)
		}
		if f.Action != "" {
			q.and("action = ?", f.Action)
		}
		if !f.From.IsZero() {
			q.and("at >= ?", toMillis(f.From))
		}
		if !f.To.IsZero() {
			q.and("at < ?", toMillis(f.To))
		}
	}
	page.add("ORDER  BY at DESC, id DESC")
	page.page(f.Start, f.Limit)
	return count, page
}

// pruneAudit removes rows that are older than jobs.AuditRetention.
func (t *Tx) pruneAudit(now time.Time, limit int) error {
	_, err := t.exec(sqlPruneAudit, toMillis(now.Add(-jobs.AuditRetention)), limit)
	return err
}

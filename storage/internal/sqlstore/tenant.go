package sqlstore

import (
	"context"
	"time"

	"github.com/carillon-go/carillon/jobs"
)

// sqlListTenants: walks the tenants; their users, jobs, runs and files by index, ended runs by their totals.
const sqlListTenants = `
	SELECT t.id, COALESCE((SELECT c.closed_at FROM tenants c WHERE c.id = t.id), 0) AS closed_at,
	       (SELECT count(*) FROM users u WHERE u.tenant = t.id) AS users,
	       (SELECT count(*) FROM jobs j WHERE j.tenant = t.id AND j.editing_id IS NULL) AS jobs,
	       (SELECT count(*) FROM runs r WHERE r.tenant = t.id) AS live,
	       (SELECT COALESCE(sum(n.ended), 0) FROM jobs j JOIN run_totals n ON n.job_id = j.id WHERE j.tenant = t.id) AS ended,
	       (SELECT count(*) FROM files f WHERE f.tenant = t.id) AS files,
	       (SELECT COALESCE(sum(f.size), 0) FROM files f WHERE f.tenant = t.id) AS bytes
	FROM   (SELECT id FROM tenants UNION SELECT tenant FROM users UNION SELECT tenant FROM jobs) t
	ORDER  BY t.id`

type tenantRow struct {
	ID       jobs.TenantID `db:"id"`
	ClosedAt int64         `db:"closed_at"`
	Users    int           `db:"users"`
	Jobs     int           `db:"jobs"`
	Live     int           `db:"live"`
	Ended    int           `db:"ended"`
	Files    int           `db:"files"`
	Bytes    int64         `db:"bytes"`
}

// Tenants is jobs.TenantStore.
func (c *Core) Tenants(ctx context.Context) ([]jobs.TenantUsage, error) {
	var rows []tenantRow
	if err := c.read(ctx, "list tenants", func(v *View) error { return v.all(&rows, sqlListTenants) }); err != nil {
		return nil, err
	}
	out := make([]jobs.TenantUsage, len(rows))
	for i, r := range rows {
		out[i] = jobs.TenantUsage{
			ID: r.ID, ClosedAt: fromMillis(r.ClosedAt), Users: r.Users, Jobs: r.Jobs, LiveRuns: r.Live, EndedRuns: r.Ended, Files: r.Files,
			FileBytes: r.Bytes,
		}
	}
	return out, nil
}

const (
	// sqlGetClosed: lookup by primary key.
	sqlGetClosed = `
	SELECT closed_at
	FROM   tenants
	WHERE  id = ?`
	// sqlHasTenant: primary keys.
	sqlHasTenant = `
	SELECT EXISTS (SELECT 1 FROM tenants WHERE id = ?1) OR EXISTS (SELECT 1 FROM users WHERE tenant = ?1)
	       OR EXISTS (SELECT 1 FROM jobs WHERE tenant = ?1)`
	sqlCountLive = `
	SELECT count(*)
	FROM   runs
	WHERE  tenant = ?`
	sqlCloseTenant = `
	INSERT INTO tenants (id, closed_at)
	VALUES (?, ?)
	ON CONFLICT (id) DO UPDATE SET closed_at = excluded.closed_at`
)

// sqlQuietTenant is what makes a closed tenant do nothing any more.
var sqlQuietTenant = []string{
	`UPDATE jobs SET enabled = 0, next_run_at = NULL WHERE tenant = ? AND enabled = 1`,
	`UPDATE users SET enabled = 0 WHERE tenant = ?`,
	`DELETE FROM sessions WHERE tenant = ?`,
	`DELETE FROM tokens WHERE tenant = ?`,
}

// open refuses what would begin something new in a tenant that is being removed.
func (t *Tx) open(tenant jobs.TenantID) error {
	var closed int64
	if _, err := t.get(&closed, sqlGetClosed, tenant); err != nil {
		return err
	}
	return stillOpen(closed)
}

func stillOpen(closedAt int64) error {
	if closedAt != 0 {
		return jobs.Conflict("the tenant is being removed")
	}
	return nil
}

// CloseTenant is jobs.TenantStore.
func (c *Core) CloseTenant(ctx context.Context, now time.Time, tenant jobs.TenantID, force bool) error {
	return c.write(ctx, "close tenant", func(t *Tx) error {
		var known bool
		if _, err := t.get(&known, sqlHasTenant, tenant); err != nil {
			return err
		}
		if !known {
			return jobs.NotFound("tenant")
		}
		var closed, live int64
		if _, err := t.get(&closed, sqlGetClosed, tenant); err != nil || closed != 0 {
			t.nothingDone = closed != 0
			return err
		}
		if _, err := t.get(&live, sqlCountLive, tenant); err != nil {
			return err
		}
		if live > 0 && !force {
			return &jobs.ConflictError{Reason: "runs of the tenant are live", Data: map[string]any{"live": live}}
		}
		if _, err := t.exec(sqlCloseTenant, tenant, toMillis(now)); err != nil {
			return err
		}
		for _, statement := range sqlQuietTenant {
			if _, err := t.exec(statement, tenant); err != nil {
				return err
			}
		}
		t.news.add(jobs.TopicPlan)
		return nil
	})
}

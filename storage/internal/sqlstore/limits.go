package sqlstore

import (
	"context"
	"time"

	"github.com/carillon-go/carillon/jobs"
)

const (
	sqlGetCluster = `
	SELECT concurrency, heartbeat_ms, timeout_ms
	FROM   cluster
	WHERE  id = 1`
	sqlGetTenantLimit = `
	SELECT concurrency
	FROM   tenants
	WHERE  id = ? AND concurrency > 0`
)

type clusterRow struct {
	Concurrency int   `db:"concurrency"`
	HeartbeatMS int64 `db:"heartbeat_ms"`
	TimeoutMS   int64 `db:"timeout_ms"`
}

// clusterLimits are the limits with the default for the tenant.
func clusterLimits(g getter) (jobs.Limits, error) {
	l := jobs.DefaultLimits()
	var row clusterRow
	ok, err := g.get(&row, sqlGetCluster)
	if err != nil || !ok {
		return l, err
	}
	l.ClusterConcurrency = row.Concurrency
	l.Heartbeat = time.Duration(row.HeartbeatMS) * time.Millisecond
	l.Timeout = time.Duration(row.TimeoutMS) * time.Millisecond
	return l, nil
}

func tenantLimit(g getter, tenant jobs.TenantID) (int, error) {
	n := jobs.DefaultLimits().TenantConcurrency
	_, err := g.get(&n, sqlGetTenantLimit, tenant)
	return n, err
}

func (t *Tx) limits() (jobs.Limits, error) { return clusterLimits(t) }

func (t *Tx) tenantLimit(tenant jobs.TenantID) (int, error) { return tenantLimit(t, tenant) }

// Limits is jobs.LimitStore.
func (c *Core) Limits(ctx context.Context, tenant jobs.TenantID) (jobs.Limits, error) {
	var l jobs.Limits
	err := c.read(ctx, "read limits", func(v *View) error {
		var err error
		if l, err = clusterLimits(v); err != nil {
			return err
		}
		l.TenantConcurrency, err = tenantLimit(v, tenant)
		return err
	})
	return l, err
}

const (
	sqlSetTenantLimit = `
	INSERT INTO tenants (id, concurrency)
	VALUES (?, ?)
	ON CONFLICT (id) DO UPDATE SET concurrency = excluded.concurrency`
	sqlSetCluster = `
	INSERT INTO cluster (id, concurrency, heartbeat_ms, timeout_ms)
	VALUES (1, ?, ?, ?)
	ON CONFLICT (id) DO UPDATE SET concurrency = excluded.concurrency, heartbeat_ms = excluded.heartbeat_ms,
	       timeout_ms = excluded.timeout_ms`
)

// SetLimits is jobs.LimitStore.
func (c *Core) SetLimits(ctx context.Context, tenant jobs.TenantID, l jobs.Limits, cluster bool) error {
	if err := l.Validate(); err != nil {
		return err
	}
	return c.write(ctx, "set limits", func(t *Tx) error {
		t.news.add(jobs.TopicWorker | jobs.TopicQueue)
		if _, err := t.exec(sqlSetTenantLimit, tenant, l.TenantConcurrency); err != nil {
			return err
		}
		if !cluster {
			return nil
		}
		_, err := t.exec(sqlSetCluster, l.ClusterConcurrency, l.Heartbeat.Milliseconds(), l.Timeout.Milliseconds())
		return err
	})
}

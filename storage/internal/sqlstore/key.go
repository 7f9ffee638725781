package sqlstore

import (
	"context"

	"github.com/carillon-go/carillon/jobs"
)

const (
	sqlListTenantKeys = `
	SELECT id, tenant, wrapped
	FROM   tenant_keys
	WHERE  tenant = ?
	ORDER  BY number`
	// sqlInsertTenantKey: the primary key lets one of two writers of the same number win.
	sqlInsertTenantKey = `
	INSERT INTO tenant_keys (tenant, number, id, wrapped)
	SELECT ?1, ?2, ?3, ?4
	WHERE  (SELECT count(*) FROM tenant_keys WHERE tenant = ?1) = ?2`
)

type keyRow struct {
	ID      string        `db:"id"`
	Tenant  jobs.TenantID `db:"tenant"`
	Wrapped []byte        `db:"wrapped"`
}

// TenantKeys is jobs.KeyStore.
func (c *Core) TenantKeys(ctx context.Context, tenant jobs.TenantID) ([]jobs.TenantKey, error) {
	var rows []keyRow
	err := c.read(ctx, "read tenant keys", func(v *View) error { return v.all(&rows, sqlListTenantKeys, tenant) })
	keys := make([]jobs.TenantKey, len(rows))
	for i, r := range rows {
		keys[i] = jobs.TenantKey(r)
	}
	return keys, err
}

// AddTenantKey is jobs.KeyStore.
func (c *Core) AddTenantKey(ctx context.Context, key jobs.TenantKey, seen int) error {
	return c.write(ctx, "add tenant key", func(t *Tx) error {
		n, err := t.exec(sqlInsertTenantKey, key.Tenant, seen, key.ID, key.Wrapped)
		if err != nil && !c.db.Unique(err) {
			return err
		}
		if err != nil || n == 0 {
			return jobs.Conflict("the keys of the tenant have changed")
		}
		return nil
	})
}

package sqlstore

import (
	"context"

	"github.com/carillon-go/carillon/jobs"
)

const (
	// sqlInsertFavorite: primary key.
	sqlInsertFavorite = `
	INSERT INTO job_favorites (tenant, user_id, job_id)
	VALUES (?, ?, ?)
	ON CONFLICT (tenant, user_id, job_id) DO NOTHING`
	sqlDeleteFavorite = `
	DELETE FROM job_favorites
	WHERE  tenant = ? AND user_id = ? AND job_id = ?`
	// sqlListFavorites: for each job a lookup by primary key.
	sqlListFavorites = `
	SELECT job_id
	FROM   job_favorites
	WHERE  tenant = ? AND user_id = ? AND job_id IN LIST(?)`
)

// SetFavorite is jobs.FavoriteStore.
func (c *Core) SetFavorite(ctx context.Context, tenant jobs.TenantID, user jobs.PrincipalID, id jobs.ID, favorite bool) error {
	return c.write(ctx, "set favorite", func(t *Tx) error {
		job, err := t.job(tenant, id)
		if err != nil {
			return err
		}
		if job.EditingID != "" {
			return jobs.Conflict("a draft is no favorite")
		}
		statement := sqlDeleteFavorite
		if favorite {
			statement = sqlInsertFavorite
		}
		_, err = t.exec(statement, tenant, user, id)
		return err
	})
}

// Favorites is jobs.FavoriteStore.
func (c *Core) Favorites(ctx context.Context, tenant jobs.TenantID, user jobs.PrincipalID, among []jobs.ID) ([]jobs.ID, error) {
	var ids []jobs.ID
	err := c.read(ctx, "list favorites", func(v *View) error { return v.all(&ids, sqlListFavorites, tenant, user, texts(among)) })
	return ids, err
}

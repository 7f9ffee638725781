package sqlstore

import (
	"time"

	"github.com/carillon-go/carillon/jobs"
)

// removedFor is how long a removed user or team is remembered: longer than any request takes that found it still there.
const removedFor = time.Hour

const (
	sqlNoteRemoved = `
	INSERT INTO removed_principals (tenant, id, removed_at)
	VALUES (?, ?, ?)
	ON CONFLICT (tenant, id) DO UPDATE SET removed_at = excluded.removed_at`
	// sqlForgetRemoved: primary key, the few that were removed in the last hour.
	sqlForgetRemoved = `
	DELETE FROM removed_principals
	WHERE  tenant = ? AND removed_at < ?`
	// sqlReturned: lookup by primary key.
	sqlReturned = `
	DELETE FROM removed_principals
	WHERE  tenant = ? AND id = ?`
	// sqlIsRemoved: lookup by primary key.
	sqlIsRemoved = `
	SELECT count(*)
	FROM   removed_principals
	WHERE  tenant = ? AND id = ?`
)

// noteRemoved remembers that a user or team is gone: who has seen it a moment ago may still be about to give it a job. Owners that a host knows
// have no rows, so that a job cannot just refer to one.
func (t *Tx) noteRemoved(now time.Time, tenant jobs.TenantID, p jobs.PrincipalID) error {
	if _, err := t.exec(sqlForgetRemoved, tenant, toMillis(now.Add(-removedFor))); err != nil {
		return err
	}
	_, err := t.exec(sqlNoteRemoved, tenant, p, toMillis(now))
	return err
}

// returned forgets that there was another one of the name.
func (t *Tx) returned(tenant jobs.TenantID, p jobs.PrincipalID) error {
	_, err := t.exec(sqlReturned, tenant, p)
	return err
}

// stillThere refuses a user or team that was removed.
func (t *Tx) stillThere(tenant jobs.TenantID, p jobs.PrincipalID) error {
	var n int
	if _, err := t.get(&n, sqlIsRemoved, tenant, p); err != nil {
		return err
	}
	if n > 0 {
		return jobs.Conflict("the user or team %q was removed", p)
	}
	return nil
}

package sqlstore

import (
	"context"
	"fmt"
	"time"

	"github.com/carillon-go/carillon/jobs"
)

const (
	sqlInsertHandover = `
	INSERT INTO job_handovers (job_id, created_at)
	VALUES (?, ?)
	ON CONFLICT (job_id) DO UPDATE SET created_at = excluded.created_at`
	// sqlDeleteHandover: lookup by primary key.
	sqlDeleteHandover = `
	DELETE FROM job_handovers
	WHERE  job_id = ?`
	// sqlListHandovers: lookups by primary key.
	sqlListHandovers = `
	SELECT job_id
	FROM   job_handovers
	WHERE  job_id IN LIST(?)`
)

// addHandovers marks those of the jobs that were handed over; names are their ids.
func (v *View) addHandovers(byID map[jobs.ID]*jobs.Job, names string) error {
	var ids []jobs.ID
	if err := v.all(&ids, sqlListHandovers, names); err != nil {
		return err
	}
	for _, id := range ids {
		byID[id].HandedOver = true
	}
	return nil
}

// HandOver is jobs.OwnerStore. After it the job has its new owner, is off and marked, and its shares fit, or nothing has changed.
func (c *Core) HandOver(ctx context.Context, now time.Time, j *jobs.Job, base int64, keep bool) error {
	s, err := newSaving(j, base)
	if err != nil {
		return err
	}
	if j.Enabled {
		return fmt.Errorf("hand over job %s: it is still enabled", j.ID)
	}
	return c.write(ctx, "hand over job", func(t *Tx) error {
		old, err := t.job(j.Tenant, j.ID)
		if err != nil {
			return err
		}
		if old.EditingID != "" {
			return jobs.Conflict("a draft is its maker's alone")
		}
		if err := t.stillThere(j.Tenant, j.OwnerID); err != nil {
			return err
		}
		if err := c.save(t, now, s); err != nil {
			return err
		}
		if _, err := t.exec(sqlDeleteShare, j.ID, j.OwnerID); err != nil {
			return err
		}
		if keep && old.OwnerID != j.OwnerID {
			var n int
			if _, err := t.get(&n, sqlCountShares, j.ID); err != nil {
				return err
			}
			if n >= jobs.MaxShares {
				return jobs.Conflict("the job has %d shares already, and none is left for the former owner", n)
			}
			if _, err := t.exec(sqlInsertShare, j.ID, old.OwnerID, jobs.LevelFull, toMillis(now), toMillis(now)); err != nil {
				return err
			}
		}
		_, err = t.exec(sqlInsertHandover, j.ID, toMillis(now))
		return err
	})
}

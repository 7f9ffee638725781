package sqlstore

import (
	"context"

	"github.com/carillon-go/carillon/jobs"
)

// sqlKnownRuns: lookups by primary key in both tables; a run is in one of them. The other columns are hidden from the planner, which would read
// the whole history of the tenant instead.
const sqlKnownRuns = `
	SELECT id
	FROM   runs
	WHERE  id IN LIST(?) AND job_id = ? AND tenant = ?
	UNION ALL
	SELECT id
	FROM   run_history
	WHERE  id IN LIST(?) AND job_id || '' = ? AND tenant || '' = ?`

// KnownRuns is jobs.RunFinder.
func (c *Core) KnownRuns(ctx context.Context, tenant jobs.TenantID, job jobs.ID, ids []jobs.RunID) ([]jobs.RunID, error) {
	if len(ids) == 0 {
		return nil, nil
	}
	var known []jobs.RunID
	err := c.read(ctx, "find runs", func(v *View) error {
		return v.all(&known, sqlKnownRuns, texts(ids), job, tenant, texts(ids), job, tenant)
	})
	return known, err
}

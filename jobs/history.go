package jobs

import "context"

// HistoryStore answers what is asked of the runs of many jobs.
type HistoryStore interface {
	// JobNames gives the present names of jobs of one tenant; unknown jobs, and those that are Broken, are left out.
	JobNames(ctx context.Context, tenant TenantID, ids []ID) (map[ID]string, error)
	// RunStats counts and measures the runs of each day of the query, in its order; none for an unknown job. All days are of one state.
	RunStats(ctx context.Context, q StatsQuery) ([]DayStats, error)
}

// HistoryRun is a run in the history of a tenant.
type HistoryRun struct {
	*Run
	JobName string
}

// History lists the runs of all jobs that the principal may read, newest first unless sorted otherwise; a superuser sees those of the tenant
// (contract 20.5). Tenant and ReadableBy of the query are set here. Its total tells nothing of other jobs.
func (c *Client) History(ctx context.Context, q RunQuery) (Page[HistoryRun], error) {
	if err := c.identified(); err != nil {
		return Page[HistoryRun]{}, err
	}
	if err := checkSort(q.Sort, RunSortFields); err != nil {
		return Page[HistoryRun]{}, err
	}
	q.Tenant, q.ReadableBy = c.principal.Tenant, c.readers()
	runs, err := c.service.store.Runs(ctx, q)
	if err != nil {
		return Page[HistoryRun]{}, err
	}
	if err := c.explain(ctx, runs.Items...); err != nil {
		return Page[HistoryRun]{}, err
	}
	var ids []ID
	seen := map[ID]bool{}
	for _, r := range runs.Items {
		if !seen[r.JobID] {
			seen[r.JobID] = true
			ids = append(ids, r.JobID)
		}
	}
	names, err := c.service.store.JobNames(ctx, c.principal.Tenant, ids)
	if err != nil {
		return Page[HistoryRun]{}, err
	}
	page := Page[HistoryRun]{Items: make([]HistoryRun, len(runs.Items)), Total: runs.Total}
	for i, r := range runs.Items {
		page.Items[i] = HistoryRun{Run: r, JobName: names[r.JobID]}
	}
	return page, nil
}

package jobs

import "context"

// JobSummaries lists the jobs that the principal may read, as lists show them. Tenant, ReadableBy, Viewer and Now of the query are set here.
func (c *Client) JobSummaries(ctx context.Context, q JobQuery) (Page[JobSummary], error) {
	if err := c.readableQuery(&q); err != nil {
		return Page[JobSummary]{}, err
	}
	return c.service.store.JobSummaries(ctx, q)
}

// FlatJobs lists all jobs that the principal may read, by name (contract 4.2).
func (c *Client) FlatJobs(ctx context.Context) ([]FlatJob, error) {
	var q JobQuery
	if err := c.readableQuery(&q); err != nil {
		return nil, err
	}
	return c.service.store.FlatJobs(ctx, q)
}

// readableQuery limits a query to what the principal may read and fills in who asks and when.
func (c *Client) readableQuery(q *JobQuery) error {
	if err := c.identified(); err != nil {
		return err
	}
	if err := checkSort(q.Sort, JobSortFields); err != nil {
		return err
	}
	q.Tenant, q.ReadableBy, q.Now = c.principal.Tenant, c.readers(), now()
	q.Viewer, q.FavoriteOf = c.principal.User, c.principal.User
	return nil
}

package jobs

import "context"

// Workers lists the workers of the cluster; only for superusers.
func (c *Client) Workers(ctx context.Context, q WorkerQuery) (Page[Worker], error) {
	if err := c.superuser(ctx); err != nil {
		return Page[Worker]{}, err
	}
	q.Tenant = c.principal.Tenant
	return c.service.store.Workers(ctx, q)
}

// Worker reads one worker; only for superusers.
func (c *Client) Worker(ctx context.Context, id WorkerID) (Worker, error) {
	if err := c.superuser(ctx); err != nil {
		return Worker{}, err
	}
	return c.service.store.Worker(ctx, id, c.principal.Tenant)
}

// WorkerPatch is what an operator wants of a worker; it obeys with its next heartbeat.
type WorkerPatch struct {
	// Status is WorkerDraining or WorkerActive.
	Status Field[WorkerStatus]
	// Concurrency is 1 to 1000.
	Concurrency Field[int]
}

// SteerWorker changes a live worker; needs the right to manage the cluster. A worker that is lost or stopped is ErrConflict.
func (c *Client) SteerWorker(ctx context.Context, id WorkerID, p WorkerPatch) (Worker, error) {
	if err := c.manager(ctx); err != nil {
		return Worker{}, err
	}
	if _, err := c.service.store.Worker(ctx, id, c.principal.Tenant); err != nil {
		return Worker{}, err
	}
	var f Faults
	status := required(&f, "status", p.Status, "")
	if p.Status.Set && f.Empty() && status != WorkerDraining && status != WorkerActive {
		f.Add("status", "is %q; \"draining\" or \"active\"", status)
	}
	concurrency := required(&f, "concurrency", p.Concurrency, 0)
	if p.Concurrency.Set && !p.Concurrency.Null {
		checkRange(&f, "concurrency", concurrency, 1, 1000)
	}
	if err := f.Err(); err != nil {
		return Worker{}, err
	}
	row := AuditRow{Action: AuditUpdate, Kind: "worker", Object: string(id), Fields: setFields(map[string]bool{
		"status": p.Status.Set, "concurrency": p.Concurrency.Set,
	})}
	if err := c.service.store.SteerWorker(c.audited(ctx, row), id, status, concurrency); err != nil {
		return Worker{}, err
	}
	return c.service.store.Worker(ctx, id, c.principal.Tenant)
}

// DeleteWorker removes the record of a worker that is lost or stopped; needs the right to manage the cluster.
func (c *Client) DeleteWorker(ctx context.Context, id WorkerID) error {
	if err := c.manager(ctx); err != nil {
		return err
	}
	return c.service.store.DeleteWorker(c.audited(ctx, AuditRow{Action: AuditDelete, Kind: "worker", Object: string(id)}), id)
}

func (c *Client) manager(ctx context.Context) error {
	if err := c.identified(); err != nil {
		return err
	}
	if err := c.writes(ctx); err != nil {
		return err
	}
	if !c.principal.Rights.ManageCluster {
		return c.denied(ctx, Forbidden("cluster:manage is not allowed"), "cluster:manage", "", "", "")
	}
	return nil
}

// Limits reads the limits of the tenant and the cluster; only for superusers.
func (c *Client) Limits(ctx context.Context) (Limits, error) {
	if err := c.superuser(ctx); err != nil {
		return Limits{}, err
	}
	return c.service.store.Limits(ctx, c.principal.Tenant)
}

// LimitsPatch is a partial update of the limits; all but TenantConcurrency need the right to manage the cluster.
type LimitsPatch struct {
	TenantConcurrency  Field[int]
	ClusterConcurrency Field[int]
	HeartbeatSeconds   Field[int]
	TimeoutSeconds     Field[int]
}

// SetLimits changes limits; workers obey with their next heartbeat.
func (c *Client) SetLimits(ctx context.Context, p LimitsPatch) (Limits, error) {
	if err := c.superuser(ctx); err != nil {
		return Limits{}, err
	}
	if err := c.writes(ctx); err != nil {
		return Limits{}, err
	}
	cluster := p.ClusterConcurrency.Set || p.HeartbeatSeconds.Set || p.TimeoutSeconds.Set
	if cluster && !c.principal.Rights.ManageCluster {
		return Limits{}, c.denied(ctx, Forbidden("cluster:manage is not allowed"), "cluster:manage", "limits", "", "")
	}
	l, err := c.service.store.Limits(ctx, c.principal.Tenant)
	if err != nil {
		return Limits{}, err
	}
	var f Faults
	l.TenantConcurrency = required(&f, "tenantConcurrency", p.TenantConcurrency, l.TenantConcurrency)
	l.ClusterConcurrency = required(&f, "clusterConcurrency", p.ClusterConcurrency, l.ClusterConcurrency)
	l.Heartbeat = seconds(required(&f, "heartbeatSeconds", p.HeartbeatSeconds, int(l.Heartbeat.Seconds())))
	l.Timeout = seconds(required(&f, "timeoutSeconds", p.TimeoutSeconds, int(l.Timeout.Seconds())))
	if err := f.Merge("", l.Validate()); err != nil {
		return Limits{}, err
	}
	if err := f.Err(); err != nil {
		return Limits{}, err
	}
	row := AuditRow{Action: AuditUpdate, Kind: "limits", Fields: setFields(map[string]bool{
		"tenantConcurrency": p.TenantConcurrency.Set, "clusterConcurrency": p.ClusterConcurrency.Set,
		"heartbeatSeconds": p.HeartbeatSeconds.Set, "timeoutSeconds": p.TimeoutSeconds.Set,
	})}
	if err := c.service.store.SetLimits(c.audited(ctx, row), c.principal.Tenant, l, cluster); err != nil {
		return Limits{}, err
	}
	return c.service.store.Limits(ctx, c.principal.Tenant)
}

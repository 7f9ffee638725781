package jobs

import (
	"context"
	"errors"
	"slices"
)

// Snapshots lists the snapshots that a job has made through one association (contract 10.8). Tenant, JobID and Alias of the query are set
// here. RunID is empty in those whose run is no longer kept; such a run cannot be asked for either.
func (c *Client) Snapshots(ctx context.Context, ref JobRef, alias string, q SnapshotQuery) (Page[Snapshot], error) {
	none := Page[Snapshot]{}
	j, _, err := c.Association(ctx, ref, alias)
	if err != nil {
		return none, err
	}
	if err := checkSort(q.Sort, SnapshotSortFields); err != nil {
		return none, err
	}
	if c.service.options.Datasets == nil {
		return none, nil
	}
	q.Tenant, q.JobID, q.Alias = j.Tenant, j.ID, alias
	if q.RunID != "" {
		if known, err := c.service.store.KnownRuns(ctx, j.Tenant, j.ID, []RunID{q.RunID}); err != nil || len(known) == 0 {
			return none, err
		}
	}
	page, err := c.service.options.Datasets.Snapshots(ctx, q)
	if err != nil {
		return none, datasetsFail(err)
	}
	return page, c.forgetRuns(ctx, j, page.Items)
}

// forgetRuns empties the RunID of snapshots whose run is no longer kept.
func (c *Client) forgetRuns(ctx context.Context, j *Job, snapshots []Snapshot) error {
	ids := make([]RunID, 0, len(snapshots))
	for _, s := range snapshots {
		if s.RunID != "" {
			ids = append(ids, s.RunID)
		}
	}
	known, err := c.service.store.KnownRuns(ctx, j.Tenant, j.ID, ids)
	if err != nil {
		return err
	}
	for i := range snapshots {
		if !slices.Contains(known, snapshots[i].RunID) {
			snapshots[i].RunID = ""
		}
	}
	return nil
}

// Snapshot reads one snapshot that was made through an association (contract 10.9).
func (c *Client) Snapshot(ctx context.Context, ref JobRef, alias string, id SnapshotID) (Snapshot, error) {
	_, s, err := c.snapshot(ctx, ref, alias, id, PermissionRead)
	return s, err
}

// CanDeleteSnapshot is nil if DeleteSnapshot would be allowed: else ErrNotFound or ErrForbidden, as it would say.
func (c *Client) CanDeleteSnapshot(ctx context.Context, ref JobRef, alias string, id SnapshotID) error {
	_, _, err := c.snapshot(ctx, ref, alias, id, PermissionEdit)
	return err
}

// DeleteSnapshot removes a snapshot for good. The dataset stays as it is.
func (c *Client) DeleteSnapshot(ctx context.Context, ref JobRef, alias string, id SnapshotID) error {
	j, s, err := c.snapshot(ctx, ref, alias, id, PermissionEdit)
	if err != nil {
		return err
	}
	if err := c.service.options.Datasets.DeleteSnapshot(ctx, j.Tenant, s.ID); err != nil {
		return snapshotFail(err)
	}
	// The provider is no part of our transaction: what is written down has happened.
	row := AuditRow{Action: AuditDelete, Kind: "snapshot", Object: string(s.ID), JobID: j.ID}
	rows, _ := PendingAudit(c.audited(ctx, row))
	return c.service.store.AddAudit(context.WithoutCancel(ctx), rows)
}

// snapshotFail is datasetsFail for calls in which the provider may say that there is no such snapshot.
func snapshotFail(err error) error {
	if errors.Is(err, ErrNotFound) {
		return NotFound("snapshot")
	}
	return datasetsFail(err)
}

// snapshot reads a snapshot below a job on which the principal has a permission. One of another association does not exist there.
func (c *Client) snapshot(ctx context.Context, ref JobRef, alias string, id SnapshotID, perm Permission) (*Job, Snapshot, error) {
	j, _, err := c.Association(ctx, ref, alias)
	if err != nil {
		return nil, Snapshot{}, err
	}
	if c.service.options.Datasets == nil {
		return nil, Snapshot{}, NotFound("snapshot")
	}
	s, err := c.service.options.Datasets.Snapshot(ctx, j.Tenant, id)
	if err != nil {
		return nil, Snapshot{}, snapshotFail(err)
	}
	if s.JobID != j.ID || s.Alias != alias {
		return nil, Snapshot{}, NotFound("snapshot")
	}
	if err := c.allowed(ctx, j, perm); err != nil {
		return nil, Snapshot{}, err
	}
	one := []Snapshot{s}
	err = c.forgetRuns(ctx, j, one)
	return j, one[0], err
}

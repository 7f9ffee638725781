package scheduler

import (
	"context"
	"errors"
	"fmt"

	"github.com/carillon-go/carillon/jobs"
)

// snapshots takes the snapshots of one association at one moment of a run. It is a driver like others, so that its step is tried, timed out
// and left as theirs are.
type snapshots struct {
	run         *run
	association *jobs.Association
	step        string
	when        jobs.SnapshotWhen
}

func (s snapshots) Info() jobs.DriverInfo { return jobs.DriverInfo{ID: "snapshot", Idempotent: true} }

// Run takes a snapshot of each dataset. One that an earlier attempt has taken is not taken again: the provider knows it by its key (R18).
func (s snapshots) Run(ctx context.Context, task *jobs.Task) (jobs.Output, error) {
	provider := s.run.s.options.Datasets
	if provider == nil {
		return jobs.Output{}, jobs.Permanent(errNoDatasets)
	}
	ids := s.association.SnapshotDatasets()
	records := int64(0)
	for i, id := range ids {
		taken, err := patiently(ctx, func(ctx context.Context) (jobs.Snapshot, error) {
			return provider.TakeSnapshot(ctx, jobs.SnapshotRequest{
				Tenant: task.Tenant, DatasetID: id, Key: jobs.SnapshotKey(task.RunID, s.step, id), JobID: task.JobID, Alias: s.association.Alias,
				RunID: task.RunID, When: s.when, Name: jobs.SnapshotName(s.association.Alias, task.StartedAt, task.Location, s.when),
			})
		})
		switch {
		case errors.Is(err, jobs.ErrNotFound):
			return jobs.Output{}, jobs.Permanent(fmt.Errorf("take a snapshot of %q: the dataset does not exist", id))
		case err != nil:
			return jobs.Output{}, fmt.Errorf("take a snapshot of %q: %w", id, err)
		}
		records += taken.Records
		task.Progress(100*float64(i+1)/float64(len(ids)), "")
	}
	if len(ids) == 1 {
		return jobs.Output{Message: fmt.Sprintf("Kept %d records", records)}, nil
	}
	return jobs.Output{Message: fmt.Sprintf("Kept %d records of %d datasets", records, len(ids))}, nil
}

// removeOldSnapshots removes what associations have made beyond their bounds, after a run that succeeded. What cannot be removed is a warning:
// the next run tries again.
func (r *run) removeOldSnapshots() {
	ctx, cancel := context.WithTimeout(r.ctx, cleanupTime)
	defer cancel()
	for i := range r.def.Datasets {
		a := &r.def.Datasets[i]
		if r.s.options.Datasets == nil || a.Snapshots == nil || a.Snapshots.Keep == 0 {
			continue
		}
		removed, err := outside(ctx, r, func(ctx context.Context) (int, error) { return r.removeBeyond(ctx, a) })
		if r.ctx.Err() != nil {
			r.note(jobs.LogInfo, "old snapshots are left to the next run, because this one has to stop", "", nil)
			return
		}
		if removed > 0 {
			r.note(jobs.LogInfo, fmt.Sprintf("removed %d old snapshots of %q", removed, a.Alias), "", nil)
		}
		if err != nil {
			r.warn()
			r.note(jobs.LogWarn, errorText(r.redacted(fmt.Errorf("old snapshots of %q cannot be removed: %w", a.Alias, err))), "", nil)
		}
	}
}

// removeBeyond removes all but the newest snapshots of an association.
func (r *run) removeBeyond(ctx context.Context, a *jobs.Association) (removed int, err error) {
	provider := r.s.options.Datasets
	for {
		page, err := provider.Snapshots(ctx, jobs.SnapshotQuery{
			Tenant: r.info.Tenant, JobID: r.info.JobID, Alias: a.Alias, Start: a.Snapshots.Keep, Limit: cleanupPage,
		})
		if err != nil || len(page.Items) == 0 {
			return removed, err
		}
		for _, s := range page.Items {
			switch err := provider.DeleteSnapshot(ctx, r.info.Tenant, s.ID); {
			case errors.Is(err, jobs.ErrNotFound): // another run was faster
			case err != nil:
				return removed, err
			default:
				removed++
			}
		}
		if len(page.Items) < cleanupPage {
			return removed, nil
		}
	}
}

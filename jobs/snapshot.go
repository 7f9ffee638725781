package jobs

import (
	"context"
	"time"
)

// SnapshotID identifies a snapshot, a UUID.
type SnapshotID string

// Snapshot is what a dataset held at one moment (contract 10.8). The host keeps it; it never changes.
type Snapshot struct {
	ID     SnapshotID
	Tenant TenantID
	// DatasetID is the dataset that it was taken of, as the request wrote it.
	DatasetID DatasetID
	// JobID and Alias are the association that it was taken through, RunID the run that took it. Neither needs to exist any longer.
	JobID ID
	Alias string
	RunID RunID
	When  SnapshotWhen
	// Name is for people: "stock 2026-03-26 04:30 before".
	Name    string
	Records int64
	// Size is in bytes.
	Size      int64
	CreatedAt time.Time
}

// SnapshotWhen says when a run takes snapshots.
type SnapshotWhen string

// Before the driver step, after the last action, or both. A snapshot itself is of one of the first two.
const (
	SnapshotBefore SnapshotWhen = "before"
	SnapshotAfter  SnapshotWhen = "after"
	SnapshotBoth   SnapshotWhen = "both"
)

// Has reports whether a policy of w takes snapshots at that moment of a run.
func (w SnapshotWhen) Has(moment SnapshotWhen) bool { return w == moment || w == SnapshotBoth }

// SnapshotRequest asks a provider for a snapshot.
type SnapshotRequest struct {
	Tenant    TenantID
	DatasetID DatasetID
	// Key is unique for this snapshot of this run, and the same for every attempt (R18).
	Key   string
	JobID ID
	Alias string
	RunID RunID
	When  SnapshotWhen
	Name  string
}

// SnapshotQuery asks for the snapshots of one association. Zero fields do not filter.
type SnapshotQuery struct {
	Tenant TenantID
	JobID  ID
	Alias  string
	RunID  RunID
	// Sort keys are among SnapshotSortFields; none means newest first.
	Sort  []SortKey
	Start int
	// Limit zero means all.
	Limit int
}

// SnapshotSortFields are the fields by which snapshots can be sorted.
var SnapshotSortFields = []string{"createdAt", "records", "size"}

// SnapshotKey is the key of one snapshot of a run (R18): the effect key of the step and the dataset together.
func SnapshotKey(run RunID, stepID string, dataset DatasetID) string {
	return EffectKey(run, stepID+"/"+string(dataset))
}

// SnapshotName is the name of a snapshot, with the start of the run in the zone of its job: "stock 2026-03-26 04:30 before".
func SnapshotName(alias string, startedAt time.Time, zone *time.Location, when SnapshotWhen) string {
	return alias + " " + startedAt.In(zone).Format("2006-01-02 15:04") + " " + string(when)
}

// RunFinder tells which runs are still kept: snapshots outlive the runs that took them.
type RunFinder interface {
	// KnownRuns gives those of the ids that are runs of the job, live or ended, each once, in any order. No ids are no error.
	KnownRuns(ctx context.Context, tenant TenantID, job ID, ids []RunID) ([]RunID, error)
}

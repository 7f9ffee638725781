package jobs

import (
	"context"
	"slices"
	"strings"
	"time"
)

// DatasetID names a dataset of the host: a UUID or a natural id such as "globex:stock". It is kept as a caller wrote it.
type DatasetID string

// Dataset is what a host tells of one of its datasets.
type Dataset struct {
	// ID is the form in which the host writes the id to people; callers may have asked with another one.
	ID   DatasetID
	Name string
	// Records is the number of records now, UpdatedAt the end of the last refresh; zero if there was none.
	Records   int64
	UpdatedAt time.Time
	// Rights are those of the principal for whom the question was asked.
	Rights DatasetRights
}

// DatasetRights are what a principal may do with a dataset, or what a job does with it.
type DatasetRights struct {
	// Read: see that it is there, its name, figures and rows. Without it the others are worth nothing.
	Read bool
	// Refresh: load it anew.
	Refresh bool
	// Snapshot: keep what it holds now.
	Snapshot bool
}

// AllDatasetRights are those of a superuser.
func AllDatasetRights() DatasetRights {
	return DatasetRights{Read: true, Refresh: true, Snapshot: true}
}

// Without are the rights of r that have does not hold.
func (r DatasetRights) Without(have DatasetRights) DatasetRights {
	return DatasetRights{
		Read: r.Read && !have.Read, Refresh: r.Refresh && !have.Refresh, Snapshot: r.Snapshot && !have.Snapshot,
	}
}

// And are the rights of both.
func (r DatasetRights) And(more DatasetRights) DatasetRights {
	return DatasetRights{Read: r.Read || more.Read, Refresh: r.Refresh || more.Refresh, Snapshot: r.Snapshot || more.Snapshot}
}

// None reports whether r holds nothing.
func (r DatasetRights) None() bool { return r == DatasetRights{} }

// Datasets are the datasets of the host (contract 10): jobs name them, and runs take snapshots of them. The host implements it; the suite of
// package jobs/jobstest holds every sentence here against it. All methods may be called concurrently and return soon after their context
// ends. They are never called inside a transaction of the store (R14).
//
// A principal is a user or a team, by id. The provider knows what teams a user is in and who is a superuser; the user "system" is the host's
// own code (see System), to be trusted as the host decides. A tenant sees its own datasets only: those of another one do not exist for it.
//
// A provider that cannot answer now returns an error that matches ErrUnavailable: runs then ask again, and callers get 503. Any other error
// is a fault of the provider, and of the step that met it.
type Datasets interface {
	// Datasets gives those of the ids that exist in the tenant, by the id as it was asked for, with the rights of who. Ids that do not exist
	// are left out without an error. One that who may not read is there, with Rights.Read false; what else the answer says of it is shown to
	// nobody. The same dataset may be asked for by two ids, and an id twice. No ids are no error.
	Datasets(ctx context.Context, tenant TenantID, who PrincipalID, ids []DatasetID) (map[DatasetID]Dataset, error)

	// SearchDatasets gives at most limit datasets that who may read, by name without regard to case, then by id. Every word must occur in
	// name or id, without regard to case; no words match all.
	SearchDatasets(ctx context.Context, tenant TenantID, who PrincipalID, words []string, limit int) ([]Dataset, error)

	// TakeSnapshot keeps what a dataset holds now. A request with the key of a snapshot that exists in the tenant takes none and gives that
	// one, whatever the dataset holds by now, also when many ask at once; so that an interrupted step may be repeated. Rights are not looked
	// at: the engine has done so. An unknown dataset is ErrNotFound. The returned snapshot has the fields of the request, an id that is a
	// UUID, and the time of its taking.
	TakeSnapshot(ctx context.Context, r SnapshotRequest) (Snapshot, error)

	// Snapshots lists the snapshots that one association has taken, also of datasets that are gone. Ties of the order are broken by id,
	// in the same direction. A start beyond the end is an empty page.
	Snapshots(ctx context.Context, q SnapshotQuery) (Page[Snapshot], error)

	// Snapshot reads one; ErrNotFound if the tenant has none of that id.
	Snapshot(ctx context.Context, tenant TenantID, id SnapshotID) (Snapshot, error)

	// DeleteSnapshot removes one for good; ErrNotFound if the tenant has none of that id. The dataset stays as it is.
	DeleteSnapshot(ctx context.Context, tenant TenantID, id SnapshotID) error
}

// words are the rights for people: "read and refresh".
func (r DatasetRights) words() string {
	var names []string
	for _, right := range []struct {
		has  bool
		name string
	}{{r.Read, "read"}, {r.Refresh, "refresh"}, {r.Snapshot, "snapshot"}} {
		if right.has {
			names = append(names, right.name)
		}
	}
	if len(names) < 2 {
		return strings.Join(names, "")
	}
	return strings.Join(names[:len(names)-1], ", ") + " and " + names[len(names)-1]
}

// askDatasets asks a provider for datasets, each id once, as few as there are.
func askDatasets(ctx context.Context, d Datasets, tenant TenantID, who PrincipalID, ids []DatasetID) (map[DatasetID]Dataset, error) {
	if len(ids) == 0 {
		return map[DatasetID]Dataset{}, nil
	}
	ids = slices.Clone(ids)
	slices.Sort(ids)
	return d.Datasets(ctx, tenant, who, slices.Compact(ids))
}

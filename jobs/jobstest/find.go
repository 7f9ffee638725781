package jobstest

import (
	"context"
	"errors"
	"fmt"

	"github.com/carillon-go/carillon/jobs"
)

// read is the least that lets a principal see a dataset.
var read = jobs.DatasetRights{Read: true}

func findRules() []rule {
	return []rule{
		{"a dataset is told with its name and its records", func(ctx context.Context, w *world) error {
			id := w.make("Stock", 412, read)
			d, ok := w.one(ctx, tenant, reader, id)
			if !ok {
				return errors.New("the dataset is not found by its id")
			}
			return errors.Join(expect("id", d.ID, id), expect("name", d.Name, "Stock"), expect("records", d.Records, 412))
		}},
		{"records and updatedAt are those of now", func(ctx context.Context, w *world) error {
			id := w.make("Stock", 412, read)
			before, _ := w.one(ctx, tenant, reader, id)
			w.Refresh(w.t, tenant, id, 3)
			after, _ := w.one(ctx, tenant, reader, id)
			if after.UpdatedAt.IsZero() || after.UpdatedAt.Before(before.UpdatedAt) {
				return fmt.Errorf("updatedAt goes from %v to %v", before.UpdatedAt, after.UpdatedAt)
			}
			return expect("records after the refresh", after.Records, 3)
		}},
		{"ids that do not exist are left out without an error", func(ctx context.Context, w *world) error {
			id := w.make("Stock", 1, read)
			found, err := w.Datasets.Datasets(ctx, tenant, reader, []jobs.DatasetID{"no-such-dataset", id, "", id})
			if err != nil {
				return err
			}
			_, ok := found[id]
			return errors.Join(expect("the one that exists is found", ok, true), expect("datasets", len(found), 1))
		}},
		{"no ids are no error", func(ctx context.Context, w *world) error {
			w.make("Stock", 1, read)
			found, err := w.Datasets.Datasets(ctx, tenant, reader, nil)
			return errors.Join(err, expect("datasets", len(found), 0))
		}},
		{"a tenant sees its own datasets only", func(ctx context.Context, w *world) error {
			id := w.make("Stock", 1, read)
			w.Make(w.t, other, "Theirs", 2) // so that the other tenant is known
			_, seen := w.one(ctx, other, reader, id)
			found, err := w.Datasets.SearchDatasets(ctx, other, reader, nil, 10)
			return errors.Join(err, expect("seen from the other tenant", seen, false), expect("found there", len(found), 0))
		}},
		{"each right is told by itself", func(ctx context.Context, w *world) error {
			var faults error
			for _, rights := range []jobs.DatasetRights{
				read, {Read: true, Refresh: true}, {Read: true, Snapshot: true}, {Read: true, Refresh: true, Snapshot: true},
			} {
				d, _ := w.one(ctx, tenant, reader, w.make("Stock", 1, rights))
				faults = errors.Join(faults, expect("rights", d.Rights, rights))
			}
			return faults
		}},
		{"a dataset that somebody may not read is there, without rights", func(ctx context.Context, w *world) error {
			id := w.make("Stock", 1, read)
			d, ok := w.one(ctx, tenant, "otto", id)
			return errors.Join(expect("it is there", ok, true), expect("rights", d.Rights, jobs.DatasetRights{}))
		}},
		{"rights that were taken away are gone at once", func(ctx context.Context, w *world) error {
			id := w.make("Stock", 1, jobs.AllDatasetRights())
			w.Grant(w.t, tenant, id, reader, jobs.DatasetRights{})
			d, _ := w.one(ctx, tenant, reader, id)
			return expect("rights", d.Rights, jobs.DatasetRights{})
		}},
		{"a search finds what somebody may read, by name without regard to case", func(ctx context.Context, w *world) error {
			w.make("beta", 1, read)
			w.make("Alpha", 2, read)
			w.make("Gamma", 3, read)
			w.make("Hidden", 4, jobs.DatasetRights{})
			names, err := w.search(ctx, nil, 10)
			return errors.Join(err, expect("names", names, "[Alpha beta Gamma]"))
		}},
		{"every word of a search must occur, without regard to case", func(ctx context.Context, w *world) error {
			w.make("Stock of Hamburg", 1, read)
			w.make("Stock of Berlin", 2, read)
			w.make("Orders of Berlin", 3, read)
			names, err := w.search(ctx, []string{"STOCK", "berl"}, 10)
			none, err2 := w.search(ctx, []string{"stock", "paris"}, 10)
			return errors.Join(err, err2, expect("names", names, "[Stock of Berlin]"), expect("names of nothing", none, "[]"))
		}},
		{"signs of patterns in a search stand for themselves", func(ctx context.Context, w *world) error {
			w.make("Stock", 1, read)
			names, err := w.search(ctx, []string{"%"}, 10)
			more, err2 := w.search(ctx, []string{"S_ock"}, 10)
			return errors.Join(err, err2, expect("names for %", names, "[]"), expect("names for S_ock", more, "[]"))
		}},
		{"a search keeps its limit", func(ctx context.Context, w *world) error {
			for _, name := range []string{"c", "a", "b"} {
				w.make(name, 1, read)
			}
			names, err := w.search(ctx, nil, 2)
			return errors.Join(err, expect("names", names, "[a b]"))
		}},
		{"a call returns soon after its context has ended", func(ctx context.Context, w *world) error {
			id := w.make("Stock", 1, read)
			ended, cancel := context.WithCancel(ctx)
			cancel()
			if _, err := w.Datasets.TakeSnapshot(ended, request(id, "late")); err == nil {
				return errors.New("a snapshot was taken for a context that had ended before")
			}
			page, err := w.Datasets.Snapshots(ctx, association())
			return errors.Join(err, expect("snapshots", page.Total, 0))
		}},
	}
}

// search gives the names that reader finds.
func (w *world) search(ctx context.Context, words []string, limit int) (string, error) {
	found, err := w.Datasets.SearchDatasets(ctx, tenant, reader, words, limit)
	names := make([]string, len(found))
	for i, d := range found {
		names[i] = d.Name
	}
	return fmt.Sprint(names), err
}

package jobstest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/carillon-go/carillon/jobs"
)

func snapshotRules() []rule {
	return []rule{
		{"a snapshot has what its request says and what the dataset held", func(ctx context.Context, w *world) error {
			r := request(w.make("Stock", 412, read), "k")
			s := must(w.Datasets.TakeSnapshot(ctx, r))
			if !jobs.ValidUUID(string(s.ID)) || s.CreatedAt.IsZero() {
				return fmt.Errorf("snapshot has id %q, time %v", s.ID, s.CreatedAt)
			}
			want := jobs.Snapshot{
				ID: s.ID, Tenant: r.Tenant, DatasetID: r.DatasetID, JobID: r.JobID, Alias: r.Alias, RunID: r.RunID, When: r.When, Name: r.Name,
				Records: 412, Size: s.Size, CreatedAt: s.CreatedAt,
			}
			read := must(w.Datasets.Snapshot(ctx, tenant, s.ID))
			return errors.Join(expect("snapshot", s, want), expect("the same read again", read, s))
		}},
		{"a snapshot does not change with its dataset", func(ctx context.Context, w *world) error {
			id := w.make("Stock", 412, read)
			s := must(w.Datasets.TakeSnapshot(ctx, request(id, "k")))
			w.Refresh(w.t, tenant, id, 3)
			return expect("snapshot", must(w.Datasets.Snapshot(ctx, tenant, s.ID)), s)
		}},
		{"a key that was used gives the snapshot of then", func(ctx context.Context, w *world) error {
			id := w.make("Stock", 412, read)
			first := must(w.Datasets.TakeSnapshot(ctx, request(id, "k")))
			w.Refresh(w.t, tenant, id, 3)
			again := must(w.Datasets.TakeSnapshot(ctx, request(id, "k")))
			page := must(w.Datasets.Snapshots(ctx, association()))
			return errors.Join(expect("snapshot of the second request", again, first), expect("snapshots", page.Total, 1))
		}},
		{"many requests with one key at once take one snapshot", func(ctx context.Context, w *world) error {
			id := w.make("Stock", 412, read)
			const callers = 8
			ids, faults := make([]jobs.SnapshotID, callers), make([]error, callers)
			var all sync.WaitGroup
			for i := range callers {
				all.Go(func() {
					s, err := w.Datasets.TakeSnapshot(ctx, request(id, "k"))
					ids[i], faults[i] = s.ID, err
				})
			}
			all.Wait()
			page := must(w.Datasets.Snapshots(ctx, association()))
			slices.Sort(ids)
			return errors.Join(errors.Join(faults...), expect("snapshots", page.Total, 1), expect("ids", len(slices.Compact(ids)), 1))
		}},
		{"keys of two tenants have nothing to do with each other", func(ctx context.Context, w *world) error {
			mine := must(w.Datasets.TakeSnapshot(ctx, request(w.make("Stock", 412, read), "k")))
			r := request(w.Make(w.t, other, "Theirs", 7), "k")
			r.Tenant = other
			theirs := must(w.Datasets.TakeSnapshot(ctx, r))
			return errors.Join(expect("same snapshot", mine.ID == theirs.ID, false), expect("records", theirs.Records, 7))
		}},
		{"a snapshot of an unknown dataset is ErrNotFound", func(ctx context.Context, w *world) error {
			id := w.Make(w.t, other, "Theirs", 7)
			_, unknown := w.Datasets.TakeSnapshot(ctx, request("no-such-dataset", "k"))
			_, foreign := w.Datasets.TakeSnapshot(ctx, request(id, "k"))
			return errors.Join(notFound("unknown dataset", unknown), notFound("dataset of another tenant", foreign))
		}},
		{"snapshots are listed by association, newest first", func(ctx context.Context, w *world) error {
			id := w.make("Stock", 1, read)
			first := must(w.Datasets.TakeSnapshot(ctx, request(id, "a")))
			second := must(w.Datasets.TakeSnapshot(ctx, request(id, "b")))
			r := request(id, "c")
			r.Alias = "orders"
			must(w.Datasets.TakeSnapshot(ctx, r))
			r = request(id, "d")
			r.JobID = "01890a5d-ac96-774b-bcce-b302099a8009"
			must(w.Datasets.TakeSnapshot(ctx, r))
			page := must(w.Datasets.Snapshots(ctx, association()))
			want := []jobs.SnapshotID{second.ID, first.ID}
			if first.CreatedAt.Equal(second.CreatedAt) && first.ID > second.ID {
				slices.Reverse(want) // of one moment: by id
			}
			return errors.Join(expect("ids", idsOf(page), want), expect("total", page.Total, 2))
		}},
		{"snapshots can be limited to a run", func(ctx context.Context, w *world) error {
			id := w.make("Stock", 1, read)
			must(w.Datasets.TakeSnapshot(ctx, request(id, "a")))
			r := request(id, "b")
			r.RunID = "01890a5d-ac96-774b-bcce-b302099a8007"
			mine := must(w.Datasets.TakeSnapshot(ctx, r))
			q := association()
			q.RunID = r.RunID
			page := must(w.Datasets.Snapshots(ctx, q))
			return errors.Join(expect("ids", idsOf(page), []jobs.SnapshotID{mine.ID}), expect("total", page.Total, 1))
		}},
		{"snapshots are sorted by every field of the contract", sortedSnapshots},
		{"pages of snapshots together are the whole", pagedSnapshots},
		{"another tenant has no snapshots of ours", func(ctx context.Context, w *world) error {
			s := must(w.Datasets.TakeSnapshot(ctx, request(w.make("Stock", 1, read), "k")))
			w.Make(w.t, other, "Theirs", 7)
			q := association()
			q.Tenant = other
			page := must(w.Datasets.Snapshots(ctx, q))
			_, err := w.Datasets.Snapshot(ctx, other, s.ID)
			return errors.Join(
				expect("snapshots", page.Total, 0), notFound("read", err), notFound("delete", w.Datasets.DeleteSnapshot(ctx, other, s.ID)),
				expect("still there", must(w.Datasets.Snapshot(ctx, tenant, s.ID)).ID, s.ID),
			)
		}},
		{"a deleted snapshot is gone, and its dataset stays", func(ctx context.Context, w *world) error {
			id := w.make("Stock", 412, read)
			s := must(w.Datasets.TakeSnapshot(ctx, request(id, "k")))
			if err := w.Datasets.DeleteSnapshot(ctx, tenant, s.ID); err != nil {
				return err
			}
			_, err := w.Datasets.Snapshot(ctx, tenant, s.ID)
			page := must(w.Datasets.Snapshots(ctx, association()))
			d, _ := w.one(ctx, tenant, reader, id)
			return errors.Join(
				notFound("read", err), notFound("delete again", w.Datasets.DeleteSnapshot(ctx, tenant, s.ID)),
				expect("snapshots", page.Total, 0), expect("records of the dataset", d.Records, 412),
			)
		}},
		{"ids of no snapshot are ErrNotFound", func(ctx context.Context, w *world) error {
			_, err := w.Datasets.Snapshot(ctx, tenant, "01890a5d-ac96-774b-bcce-b302099a8057")
			return errors.Join(notFound("read", err), notFound("delete", w.Datasets.DeleteSnapshot(ctx, tenant, "01890a5d-ac96-774b-bcce-b302099a8057")))
		}},
		{"snapshots stay when their dataset is removed", func(ctx context.Context, w *world) error {
			if w.Remove == nil {
				return fmt.Errorf("%w: datasets of this provider are never removed", errSkip)
			}
			id := w.make("Stock", 412, read)
			s := must(w.Datasets.TakeSnapshot(ctx, request(id, "k")))
			w.Remove(w.t, tenant, id)
			_, there := w.one(ctx, tenant, reader, id)
			page := must(w.Datasets.Snapshots(ctx, association()))
			return errors.Join(expect("the dataset is there", there, false), expect("ids", idsOf(page), []jobs.SnapshotID{s.ID}))
		}},
	}
}

func sortedSnapshots(ctx context.Context, w *world) error {
	id := w.make("Stock", 20, read)
	a := must(w.Datasets.TakeSnapshot(ctx, request(id, "a")))
	w.Refresh(w.t, tenant, id, 30)
	b := must(w.Datasets.TakeSnapshot(ctx, request(id, "b")))
	w.Refresh(w.t, tenant, id, 10)
	c := must(w.Datasets.TakeSnapshot(ctx, request(id, "c")))
	var faults error
	for _, field := range jobs.SnapshotSortFields {
		for _, descending := range []bool{false, true} {
			q := association()
			q.Sort = []jobs.SortKey{{Field: field, Descending: descending}}
			page := must(w.Datasets.Snapshots(ctx, q))
			if len(page.Items) != 3 {
				return fmt.Errorf("sorted by %s there are %d snapshots, want 3", field, len(page.Items))
			}
			inOrder := slices.IsSortedFunc(page.Items, func(x, y jobs.Snapshot) int {
				if descending {
					x, y = y, x
				}
				return compareBy(field, x, y)
			})
			faults = errors.Join(faults, expect(fmt.Sprintf("order by %s, descending %v, of %v", field, descending, page.Items), inOrder, true))
		}
	}
	q := association()
	q.Sort = []jobs.SortKey{{Field: "records"}}
	return errors.Join(faults, expect("ids by records", idsOf(must(w.Datasets.Snapshots(ctx, q))), []jobs.SnapshotID{c.ID, a.ID, b.ID}))
}

func compareBy(field string, a, b jobs.Snapshot) int {
	order := a.CreatedAt.Compare(b.CreatedAt)
	switch field {
	case "records":
		order = int(a.Records - b.Records)
	case "size":
		order = int(a.Size - b.Size)
	}
	if order == 0 && a.ID != b.ID {
		order = 1
		if a.ID < b.ID {
			order = -1
		}
	}
	return order
}

func pagedSnapshots(ctx context.Context, w *world) error {
	id := w.make("Stock", 1, read)
	for _, key := range []string{"a", "b", "c", "d", "e"} {
		must(w.Datasets.TakeSnapshot(ctx, request(id, key)))
	}
	whole := must(w.Datasets.Snapshots(ctx, association()))
	var parts []jobs.SnapshotID
	for start := 0; start < 8; start += 2 {
		q := association()
		q.Start, q.Limit = start, 2
		page := must(w.Datasets.Snapshots(ctx, q))
		if page.Total != 5 {
			return fmt.Errorf("the page from %d has the total %d, want 5", start, page.Total)
		}
		parts = append(parts, idsOf(page)...)
	}
	return errors.Join(expect("all ids", len(whole.Items), 5), expect("pages together", parts, idsOf(whole)))
}

func idsOf(page jobs.Page[jobs.Snapshot]) []jobs.SnapshotID {
	ids := make([]jobs.SnapshotID, len(page.Items))
	for i, s := range page.Items {
		ids[i] = s.ID
	}
	return ids
}

func notFound(what string, err error) error {
	switch {
	case err == nil:
		return fmt.Errorf("%s: no error, want ErrNotFound", what)
	case !errors.Is(err, jobs.ErrNotFound):
		return fmt.Errorf("%s: want ErrNotFound, got %w", what, err)
	}
	return nil
}

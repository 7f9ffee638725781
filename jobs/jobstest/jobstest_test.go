package jobstest

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/carillon-go/carillon/jobs"
)

// memory is the provider in memory as the suite needs it. Ids are UUIDs; change may put another provider over it.
func memory(change func(*Datasets) jobs.Datasets) func(testing.TB) DatasetWorld {
	return func(testing.TB) DatasetWorld {
		d := &Datasets{}
		at := time.Now().UTC().Truncate(time.Millisecond)
		w := DatasetWorld{
			Datasets: d,
			Make: func(_ testing.TB, tenant jobs.TenantID, name string, records int64) jobs.DatasetID {
				id := jobs.DatasetID(jobs.NewUUID())
				d.Put(tenant, id, name, records, at)
				return id
			},
			Grant: func(_ testing.TB, tenant jobs.TenantID, id jobs.DatasetID, who jobs.PrincipalID, rights jobs.DatasetRights) {
				d.Grant(tenant, id, who, rights)
			},
			Refresh: func(_ testing.TB, tenant jobs.TenantID, id jobs.DatasetID, records int64) {
				at = at.Add(time.Minute)
				d.Put(tenant, id, "Stock", records, at)
			},
			Remove: func(_ testing.TB, tenant jobs.TenantID, id jobs.DatasetID) { d.Remove(tenant, id) },
		}
		if change != nil {
			w.Datasets = change(d)
		}
		return w
	}
}

func TestDatasets(t *testing.T) { RunDatasets(t, memory(nil)) }

// inner is another name for the provider, because one of its methods is called as it is.
type inner = Datasets

// faulty is a provider that misbehaves in one way.
type faulty struct {
	*inner
	found   func(map[jobs.DatasetID]jobs.Dataset)
	request func(*jobs.SnapshotRequest)
	query   func(*jobs.SnapshotQuery)
	page    func(*jobs.Page[jobs.Snapshot])
	tenant  func(jobs.TenantID) jobs.TenantID
	words   func([]string) []string
	deletes func() error
}

func (f *faulty) Datasets(
	ctx context.Context, tenant jobs.TenantID, who jobs.PrincipalID, ids []jobs.DatasetID,
) (map[jobs.DatasetID]jobs.Dataset, error) {
	found, err := f.inner.Datasets(ctx, tenant, who, ids)
	if f.found != nil {
		f.found(found)
	}
	return found, err
}

func (f *faulty) SearchDatasets(
	ctx context.Context, tenant jobs.TenantID, who jobs.PrincipalID, words []string, limit int,
) ([]jobs.Dataset, error) {
	if f.words != nil {
		words = f.words(words)
	}
	return f.inner.SearchDatasets(ctx, tenant, who, words, limit)
}

func (f *faulty) TakeSnapshot(ctx context.Context, r jobs.SnapshotRequest) (jobs.Snapshot, error) {
	if f.request != nil {
		f.request(&r)
	}
	return f.inner.TakeSnapshot(ctx, r)
}

func (f *faulty) Snapshots(ctx context.Context, q jobs.SnapshotQuery) (jobs.Page[jobs.Snapshot], error) {
	if f.query != nil {
		f.query(&q)
	}
	page, err := f.inner.Snapshots(ctx, q)
	if f.page != nil {
		f.page(&page)
	}
	return page, err
}

func (f *faulty) Snapshot(ctx context.Context, tenant jobs.TenantID, id jobs.SnapshotID) (jobs.Snapshot, error) {
	if f.tenant != nil {
		tenant = f.tenant(tenant)
	}
	return f.inner.Snapshot(ctx, tenant, id)
}

func (f *faulty) DeleteSnapshot(ctx context.Context, tenant jobs.TenantID, id jobs.SnapshotID) error {
	if f.deletes != nil {
		return f.deletes()
	}
	return f.inner.DeleteSnapshot(ctx, tenant, id)
}

// TestRules_find_faults: each provider breaks one rule, and the suite names it.
func TestRules_find_faults(t *testing.T) {
	t.Parallel()
	for sentence, broken := range map[string]func(*faulty){
		"a dataset that somebody may not read is there, without rights": func(f *faulty) {
			f.found = func(found map[jobs.DatasetID]jobs.Dataset) {
				for id, d := range found {
					d.Rights.Snapshot = true
					found[id] = d
				}
			}
		},
		"ids that do not exist are left out without an error": func(f *faulty) {
			f.found = func(found map[jobs.DatasetID]jobs.Dataset) { found["no-such-dataset"] = jobs.Dataset{} }
		},
		"a key that was used gives the snapshot of then": func(f *faulty) {
			f.request = func(r *jobs.SnapshotRequest) { r.Key = jobs.NewUUID() }
		},
		"many requests with one key at once take one snapshot": func(f *faulty) {
			f.request = func(r *jobs.SnapshotRequest) { r.Key = jobs.NewUUID() }
		},
		"a snapshot has what its request says and what the dataset held": func(f *faulty) {
			f.request = func(r *jobs.SnapshotRequest) { r.Name = "" }
		},
		"snapshots are listed by association, newest first": func(f *faulty) {
			f.query = func(q *jobs.SnapshotQuery) { q.Sort = []jobs.SortKey{{Field: "createdAt"}} }
		},
		"snapshots can be limited to a run": func(f *faulty) { f.query = func(q *jobs.SnapshotQuery) { q.RunID = "" } },
		"snapshots are sorted by every field of the contract": func(f *faulty) {
			f.query = func(q *jobs.SnapshotQuery) { q.Sort = nil }
		},
		"pages of snapshots together are the whole": func(f *faulty) {
			f.page = func(p *jobs.Page[jobs.Snapshot]) { p.Total = len(p.Items) }
		},
		"another tenant has no snapshots of ours": func(f *faulty) {
			f.tenant = func(jobs.TenantID) jobs.TenantID { return tenant }
		},
		"a deleted snapshot is gone, and its dataset stays": func(f *faulty) { f.deletes = func() error { return nil } },
		"every word of a search must occur, without regard to case": func(f *faulty) {
			f.words = func(w []string) []string { return w[:min(len(w), 1)] }
		},
		"signs of patterns in a search stand for themselves": func(f *faulty) {
			f.words = func(w []string) []string {
				for i := range w {
					w[i] = strings.ReplaceAll(strings.ReplaceAll(w[i], "%", ""), "_", "t")
				}
				return w
			}
		},
	} {
		f := &faulty{}
		broken(f)
		open := memory(func(d *Datasets) jobs.Datasets { f.inner = d; return f })
		if err := named(t, sentence, open(t)); err == nil {
			t.Errorf("the rule %q does not find its fault", sentence)
		}
	}
}

func named(t *testing.T, sentence string, w DatasetWorld) error {
	t.Helper()
	for _, r := range datasetRules() {
		if r.sentence == sentence {
			return perform(t, r, w)
		}
	}
	t.Fatalf("there is no rule %q", sentence)
	return nil
}

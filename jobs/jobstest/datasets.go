package jobstest

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/carillon-go/carillon/jobs"
)

// Datasets is a provider in memory. The zero value is empty and ready; safe for concurrent use. The user "system" may do everything.
type Datasets struct {
	// Fail, if it is set, is asked before every call with the name of the method; its error is that of the call. It may block. It has to be
	// set before the provider is used.
	Fail func(ctx context.Context, method string) error

	mu        sync.Mutex // guards the fields below
	sets      map[place]*dataset
	snapshots map[jobs.SnapshotID]kept
	calls     map[string]int
}

// place names a dataset by one of its ids.
type place struct {
	tenant jobs.TenantID
	id     jobs.DatasetID
}

// dataset is a dataset with the rights on it.
type dataset struct {
	jobs.Dataset
	size   int64
	rights map[jobs.PrincipalID]jobs.DatasetRights
}

// kept is a snapshot with the key of its request.
type kept struct {
	jobs.Snapshot
	key string
}

var _ jobs.Datasets = (*Datasets)(nil)

// Put makes a dataset, or changes name and records of one that exists, as a refresh at that moment does. Also are further ids of it.
func (d *Datasets) Put(tenant jobs.TenantID, id jobs.DatasetID, name string, records int64, at time.Time, also ...jobs.DatasetID) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.sets == nil {
		d.sets = map[place]*dataset{}
	}
	set := d.sets[place{tenant, id}]
	if set == nil {
		set = &dataset{rights: map[jobs.PrincipalID]jobs.DatasetRights{}}
		d.sets[place{tenant, id}] = set
	}
	set.Dataset = jobs.Dataset{ID: id, Name: name, Records: records, UpdatedAt: at}
	set.size = 100 * records
	for _, other := range also {
		d.sets[place{tenant, other}] = set
	}
}

// Grant sets what a principal may do with a dataset that exists; no rights take all away.
func (d *Datasets) Grant(tenant jobs.TenantID, id jobs.DatasetID, who jobs.PrincipalID, rights jobs.DatasetRights) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.sets[place{tenant, id}].rights[who] = rights
}

// Remove takes a dataset away; its snapshots stay.
func (d *Datasets) Remove(tenant jobs.TenantID, id jobs.DatasetID) {
	d.mu.Lock()
	defer d.mu.Unlock()
	gone := d.sets[place{tenant, id}]
	for at, set := range d.sets {
		if set == gone {
			delete(d.sets, at)
		}
	}
}

// Calls is how often a method was called.
func (d *Datasets) Calls(method string) int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.calls[method]
}

// begin counts a call and lets Fail have its say.
func (d *Datasets) begin(ctx context.Context, method string) error {
	d.mu.Lock()
	if d.calls == nil {
		d.calls = map[string]int{}
	}
	d.calls[method]++
	d.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return err
	}
	if d.Fail != nil {
		return d.Fail(ctx, method)
	}
	return nil
}

func (s *dataset) as(who jobs.PrincipalID) jobs.Dataset {
	seen := s.Dataset
	seen.Rights = s.rights[who]
	if who == "system" {
		seen.Rights = jobs.AllDatasetRights()
	}
	if !seen.Rights.Read {
		seen.Rights = jobs.DatasetRights{}
	}
	return seen
}

// Datasets implements jobs.Datasets.
func (d *Datasets) Datasets(
	ctx context.Context, tenant jobs.TenantID, who jobs.PrincipalID, ids []jobs.DatasetID,
) (map[jobs.DatasetID]jobs.Dataset, error) {
	if err := d.begin(ctx, "Datasets"); err != nil {
		return nil, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	found := map[jobs.DatasetID]jobs.Dataset{}
	for _, id := range ids {
		if set, ok := d.sets[place{tenant, id}]; ok {
			found[id] = set.as(who)
		}
	}
	return found, nil
}

// SearchDatasets implements jobs.Datasets.
func (d *Datasets) SearchDatasets(
	ctx context.Context, tenant jobs.TenantID, who jobs.PrincipalID, words []string, limit int,
) ([]jobs.Dataset, error) {
	if err := d.begin(ctx, "SearchDatasets"); err != nil {
		return nil, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	var found []jobs.Dataset
	for at, set := range d.sets {
		if at.tenant != tenant || at.id != set.ID || !set.as(who).Rights.Read {
			continue
		}
		text := strings.ToLower(set.Name + " " + string(set.ID))
		if !slices.ContainsFunc(words, func(w string) bool { return !strings.Contains(text, strings.ToLower(w)) }) {
			found = append(found, set.as(who))
		}
	}
	slices.SortFunc(found, func(a, b jobs.Dataset) int {
		return cmp.Or(cmp.Compare(strings.ToLower(a.Name), strings.ToLower(b.Name)), cmp.Compare(a.ID, b.ID))
	})
	return found[:min(len(found), limit)], nil
}

// TakeSnapshot implements jobs.Datasets.
func (d *Datasets) TakeSnapshot(ctx context.Context, r jobs.SnapshotRequest) (jobs.Snapshot, error) {
	if err := d.begin(ctx, "TakeSnapshot"); err != nil {
		return jobs.Snapshot{}, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, s := range d.snapshots {
		if s.Tenant == r.Tenant && s.key == r.Key {
			return s.Snapshot, nil
		}
	}
	set, ok := d.sets[place{r.Tenant, r.DatasetID}]
	if !ok {
		return jobs.Snapshot{}, jobs.NotFound("dataset")
	}
	s := jobs.Snapshot{
		ID: jobs.SnapshotID(jobs.NewUUID()), Tenant: r.Tenant, DatasetID: r.DatasetID, JobID: r.JobID, Alias: r.Alias, RunID: r.RunID, When: r.When,
		Name: r.Name, Records: set.Records, Size: set.size, CreatedAt: time.Now().UTC().Truncate(time.Millisecond),
	}
	if d.snapshots == nil {
		d.snapshots = map[jobs.SnapshotID]kept{}
	}
	d.snapshots[s.ID] = kept{s, r.Key}
	return s, nil
}

// Snapshots implements jobs.Datasets.
func (d *Datasets) Snapshots(ctx context.Context, q jobs.SnapshotQuery) (jobs.Page[jobs.Snapshot], error) {
	if err := d.begin(ctx, "Snapshots"); err != nil {
		return jobs.Page[jobs.Snapshot]{}, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	var found []jobs.Snapshot
	for _, s := range d.snapshots {
		if s.Tenant == q.Tenant && s.JobID == q.JobID && s.Alias == q.Alias && (q.RunID == "" || s.RunID == q.RunID) {
			found = append(found, s.Snapshot)
		}
	}
	sort := q.Sort
	if len(sort) == 0 {
		sort = []jobs.SortKey{{Field: "createdAt", Descending: true}}
	}
	slices.SortFunc(found, func(a, b jobs.Snapshot) int {
		order := 0
		for _, key := range sort {
			switch key.Field {
			case "createdAt":
				order = a.CreatedAt.Compare(b.CreatedAt)
			case "records":
				order = cmp.Compare(a.Records, b.Records)
			case "size":
				order = cmp.Compare(a.Size, b.Size)
			default:
				panic(fmt.Sprintf("sort by %q: the service lets known fields through only", key.Field))
			}
			if key.Descending {
				order = -order
			}
			if order != 0 {
				return order
			}
		}
		if order = cmp.Compare(a.ID, b.ID); sort[0].Descending {
			order = -order
		}
		return order
	})
	total := len(found)
	found = found[min(q.Start, total):]
	if q.Limit > 0 {
		found = found[:min(q.Limit, len(found))]
	}
	return jobs.Page[jobs.Snapshot]{Items: found, Total: total}, nil
}

// Snapshot implements jobs.Datasets.
func (d *Datasets) Snapshot(ctx context.Context, tenant jobs.TenantID, id jobs.SnapshotID) (jobs.Snapshot, error) {
	if err := d.begin(ctx, "Snapshot"); err != nil {
		return jobs.Snapshot{}, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	s, ok := d.snapshots[id]
	if !ok || s.Tenant != tenant {
		return jobs.Snapshot{}, jobs.NotFound("snapshot")
	}
	return s.Snapshot, nil
}

// DeleteSnapshot implements jobs.Datasets.
func (d *Datasets) DeleteSnapshot(ctx context.Context, tenant jobs.TenantID, id jobs.SnapshotID) error {
	if err := d.begin(ctx, "DeleteSnapshot"); err != nil {
		return err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if s, ok := d.snapshots[id]; !ok || s.Tenant != tenant {
		return jobs.NotFound("snapshot")
	}
	delete(d.snapshots, id)
	return nil
}

package jobstest

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/carillon-go/carillon/jobs"
)

// DatasetWorld is a provider with what the suite has to do behind its back. Functions may fail the test.
type DatasetWorld struct {
	Datasets jobs.Datasets
	// Make makes a dataset without rights for anybody and gives its id, in the form that the provider writes.
	Make func(t testing.TB, tenant jobs.TenantID, name string, records int64) jobs.DatasetID
	// Grant sets what a principal may do with a dataset, in place of what it could.
	Grant func(t testing.TB, tenant jobs.TenantID, id jobs.DatasetID, who jobs.PrincipalID, rights jobs.DatasetRights)
	// Refresh loads other records into a dataset.
	Refresh func(t testing.TB, tenant jobs.TenantID, id jobs.DatasetID, records int64)
	// Remove takes a dataset away. Nil: datasets of this provider are never removed.
	Remove func(t testing.TB, tenant jobs.TenantID, id jobs.DatasetID)
}

// rule is one sentence of the contract with the code that finds out whether a provider keeps it.
type rule struct {
	sentence string
	check    func(ctx context.Context, w *world) error
}

// world is the world of one rule. Its methods arrange and give the rule up when they cannot.
type world struct {
	DatasetWorld
	t testing.TB
}

const (
	tenant = jobs.TenantID("globex")
	other  = jobs.TenantID("initech")
	reader = jobs.PrincipalID("mara")
)

// patience is how long a rule may take: a provider that hangs fails instead of holding up the whole test.
const patience = time.Minute

// RunDatasets tests a provider. Open gives one without datasets and snapshots, and is called once for each rule.
func RunDatasets(t *testing.T, open func(t testing.TB) DatasetWorld) {
	for _, r := range datasetRules() {
		t.Run(r.sentence, func(t *testing.T) {
			if err := perform(t, r, open(t)); errors.Is(err, errSkip) {
				t.Skip(err)
			} else if err != nil {
				t.Errorf("rule %q: %v", r.sentence, err)
			}
		})
	}
}

func datasetRules() []rule { return append(findRules(), snapshotRules()...) }

func perform(t testing.TB, r rule, in DatasetWorld) (err error) {
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	defer func() {
		switch v := recover().(type) {
		case nil:
		case giveUp:
			err = v.err
		default:
			panic(v)
		}
	}()
	return r.check(ctx, &world{in, t})
}

// errSkip is wrapped with the reason for which a rule cannot be checked.
var errSkip = errors.New("skipped")

// giveUp is the panic by which a rule ends whose arrangement failed. It never leaves perform.
type giveUp struct{ err error }

func must[T any](v T, err error) T {
	if err != nil {
		panic(giveUp{err})
	}
	return v
}

// make makes a dataset on which reader has rights.
func (w *world) make(name string, records int64, rights jobs.DatasetRights) jobs.DatasetID {
	id := w.Make(w.t, tenant, name, records)
	w.Grant(w.t, tenant, id, reader, rights)
	return id
}

// one asks for one dataset.
func (w *world) one(ctx context.Context, tenant jobs.TenantID, who jobs.PrincipalID, id jobs.DatasetID) (jobs.Dataset, bool) {
	found := must(w.Datasets.Datasets(ctx, tenant, who, []jobs.DatasetID{id}))
	d, ok := found[id]
	return d, ok
}

// request is a request for a snapshot by that key.
func request(id jobs.DatasetID, key string) jobs.SnapshotRequest {
	return jobs.SnapshotRequest{
		Tenant: tenant, DatasetID: id, Key: key, JobID: "01890a5d-ac96-774b-bcce-b302099a8001", Alias: "stock",
		RunID: "01890a5d-ac96-774b-bcce-b302099a8002", When: jobs.SnapshotBefore, Name: "stock 2026-03-26 04:30 before",
	}
}

// association asks for the snapshots of request.
func association() jobs.SnapshotQuery {
	r := request("", "")
	return jobs.SnapshotQuery{Tenant: r.Tenant, JobID: r.JobID, Alias: r.Alias}
}

func expect(what string, got, want any) error {
	if g, w := fmt.Sprintf("%+v", got), fmt.Sprintf("%+v", want); g != w {
		return fmt.Errorf("%s is %s, want %s", what, g, w)
	}
	return nil
}

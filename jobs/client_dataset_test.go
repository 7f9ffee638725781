package jobs_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/carillon-go/carillon/drivers"
	"github.com/carillon-go/carillon/jobs"
	"github.com/carillon-go/carillon/jobs/jobstest"
)

// refresher is a job driver that refreshes the datasets that its settings name, or all of the job.
type refresher struct{}

func (refresher) Info() jobs.DriverInfo {
	return jobs.DriverInfo{ID: "refresh", Name: "Refresh", Kind: jobs.DriverJob, Source: jobs.SourceHost}
}

func (refresher) Run(context.Context, *jobs.Task) (jobs.Output, error) { return jobs.Output{}, nil }

func (refresher) DatasetUses(data json.RawMessage, aliases []string) []jobs.DatasetUse {
	var settings struct{ Datasets []string }
	if err := json.Unmarshal(data, &settings); err != nil {
		return nil
	}
	refresh := jobs.DatasetRights{Refresh: true}
	var uses []jobs.DatasetUse
	for i, alias := range settings.Datasets {
		uses = append(uses, jobs.DatasetUse{Alias: alias, Path: fmt.Sprintf("datasets[%d]", i), Rights: refresh})
	}
	if settings.Datasets == nil {
		for _, alias := range aliases {
			uses = append(uses, jobs.DatasetUse{Alias: alias, Rights: refresh})
		}
	}
	return uses
}

// newDatasetHouse is a house with the datasets stock and orders. mara may do everything with both, kim read stock only, lea read both.
func newDatasetHouse(t *testing.T) (*house, *jobstest.Datasets) {
	t.Helper()
	h := newHouse(t)
	d := &jobstest.Datasets{}
	d.Put("globex", "globex:stock", "Stock", 412, time.Date(2026, 3, 26, 4, 30, 20, 0, time.UTC), "01890a5d-ac96-774b-bcce-b302099a8057")
	d.Put("globex", "globex:orders", "Orders", 7, time.Time{})
	d.Put("initech", "initech:secret", "Secret", 1, time.Time{})
	for _, id := range []jobs.DatasetID{"globex:stock", "globex:orders"} {
		d.Grant("globex", id, "mara", jobs.AllDatasetRights())
		d.Grant("globex", id, "lea", jobs.DatasetRights{Read: true})
	}
	d.Grant("globex", "globex:stock", "kim", jobs.DatasetRights{Read: true})
	d.Grant("initech", "initech:secret", "mara", jobs.AllDatasetRights())
	keys, err := jobs.NewKey([]byte("0123456789abcdef0123456789abcdef"))
	if err != nil {
		t.Fatal(err)
	}
	h.service = jobs.NewService(h.store, registryOf(t, refresher{}, drivers.Func("plain", func(context.Context, struct {
		Datasets []string `json:"datasets,omitempty"`
		Note     string   `json:"note,omitempty"`
	},
	) (any, error) {
		return nil, nil
	})), jobs.ServiceOptions{Keys: keys, Datasets: d})
	return h, d
}

func stockSpec() jobs.AssociationSpec {
	return jobs.AssociationSpec{Alias: "stock", DatasetID: "globex:stock"}
}

// shared is a job of mara's that the others may edit.
func (h *house) shared(change func(*jobs.JobSpec)) *jobs.Job {
	h.t.Helper()
	j := h.job(h.as("mara"), func(s *jobs.JobSpec) {
		s.Type, s.Data = "plain", nil
		if change != nil {
			change(s)
		}
	})
	for _, who := range []jobs.PrincipalID{"kim", "lea"} {
		if _, err := h.as("mara").PutShare(h.t.Context(), ref(j), who, jobs.LevelEdit); err != nil {
			h.t.Fatal(err)
		}
	}
	return j
}

func TestClient_CreateJob_Datasets(t *testing.T) {
	t.Parallel()
	h, provider := newDatasetHouse(t)
	spec := func(datasets ...jobs.AssociationSpec) jobs.JobSpec {
		return jobs.JobSpec{Type: "plain", Name: "Count", Datasets: datasets}
	}
	t.Run("names every fault", func(t *testing.T) {
		two := 2
		_, err := h.as("mara").CreateJob(t.Context(), spec(
			jobs.AssociationSpec{Alias: "1", DatasetID: "globex:stock", Index: &two},
			jobs.AssociationSpec{Alias: "a", DatasetID: "globex:nothing", Snapshots: &jobs.SnapshotPolicy{Keep: -1}},
			jobs.AssociationSpec{Snapshots: &jobs.SnapshotPolicy{When: "never", Datasets: []jobs.DatasetID{}}},
			jobs.AssociationSpec{Alias: "b", DatasetID: "globex:stock", Snapshots: &jobs.SnapshotPolicy{
				When: "both", Keep: jobs.MaxSnapshotsKept + 1, Datasets: []jobs.DatasetID{"globex:stock", "globex:stock", "initech:secret", "a\nb"},
			}},
			jobs.AssociationSpec{Alias: "c", DatasetID: jobs.DatasetID(strings.Repeat("x", 256))},
		))
		want := "datasets[0].alias datasets[0].index datasets[1].snapshots.when datasets[1].snapshots.keep datasets[2].alias datasets[2].datasetId " +
			"datasets[2].snapshots.when datasets[2].snapshots.snapshotDatasets datasets[3].snapshots.keep " +
			"datasets[3].snapshots.snapshotDatasets[1] datasets[3].snapshots.snapshotDatasets[3] datasets[4].datasetId " +
			"datasets[1].datasetId datasets[3].snapshots.snapshotDatasets[2]"
		if got := paths(t, err); got != want {
			t.Errorf("faults are at\n%s\nwant\n%s", got, want)
		}
	})
	t.Run("refuses an alias that is there twice, after all faults", func(t *testing.T) {
		_, err := h.as("mara").CreateJob(t.Context(), spec(stockSpec(), stockSpec()))
		var conflict *jobs.ConflictError
		if !errors.As(err, &conflict) || conflict.Data["alias"] != "stock" {
			t.Errorf("error is %v", err)
		}
		bad := spec(stockSpec(), stockSpec())
		bad.Name = ""
		if _, err := h.as("mara").CreateJob(t.Context(), bad); paths(t, err) != "name" {
			t.Errorf("error is %v", err)
		}
	})
	t.Run("refuses a dataset that the caller may not read before it tells other faults", func(t *testing.T) {
		_, err := h.as("kim").CreateJob(t.Context(), jobs.JobSpec{Type: "plain", Datasets: []jobs.AssociationSpec{{Alias: "o", DatasetID: "globex:orders"}}})
		if !errors.Is(err, jobs.ErrForbidden) || !strings.Contains(err.Error(), "globex:orders") {
			t.Errorf("error is %v", err)
		}
	})
	t.Run("one of another tenant is like one that does not exist", func(t *testing.T) {
		_, err := h.as("mara").CreateJob(t.Context(), spec(jobs.AssociationSpec{Alias: "s", DatasetID: "initech:secret"}))
		if paths(t, err) != "datasets[0].datasetId" {
			t.Errorf("error is %v", err)
		}
	})
	t.Run("keeps them in their order, and asks the provider once", func(t *testing.T) {
		calls := provider.Calls("Datasets")
		j, err := h.as("lea").CreateJob(t.Context(), spec(
			jobs.AssociationSpec{Alias: "zeta", DatasetID: "globex:orders"}, stockSpec(),
			jobs.AssociationSpec{Alias: "again", DatasetID: "globex:stock"},
		))
		if err != nil {
			t.Fatal(err)
		}
		if got := strings.Join(j.Aliases(), " "); got != "zeta stock again" {
			t.Errorf("aliases are %q", got)
		}
		if n := provider.Calls("Datasets") - calls; n != 1 {
			t.Errorf("the provider was asked %d times", n)
		}
	})
	t.Run("conditions may name what the job has", func(t *testing.T) {
		action := func(alias string) []jobs.ActionSpec {
			return []jobs.ActionSpec{{
				Type: "tell", Name: "Tell", Data: json.RawMessage(`{"to":"a"}`),
				RunConditions: json.RawMessage(`{"match":"all","rules":[{"field":"datasets.` + alias + `.records","operator":"gt","value":0}]}`),
			}}
		}
		s := spec(stockSpec())
		s.Actions = action("stock")
		if _, err := h.as("mara").CreateJob(t.Context(), s); err != nil {
			t.Error(err)
		}
		s.Actions = action("stick")
		if _, err := h.as("mara").CreateJob(t.Context(), s); paths(t, err) != "actions[0].runConditions.rules[0].field" {
			t.Errorf("error is %v", err)
		}
	})
	t.Run("more than the limit", func(t *testing.T) {
		var many []jobs.AssociationSpec
		for i := range jobs.MaxDatasets + 1 {
			many = append(many, jobs.AssociationSpec{Alias: fmt.Sprintf("a%d", i), DatasetID: "globex:stock"})
		}
		if _, err := h.as("mara").CreateJob(t.Context(), spec(many...)); paths(t, err) != "datasets" {
			t.Errorf("error is %v", err)
		}
		j, err := h.as("mara").CreateJob(t.Context(), spec(many[1:]...))
		if err != nil {
			t.Fatal(err)
		}
		if _, _, err := h.as("mara").AddAssociation(t.Context(), ref(j), many[0]); !errors.Is(err, jobs.ErrConflict) {
			t.Errorf("one more: %v", err)
		}
	})
	t.Run("without a provider", func(t *testing.T) {
		bare := newHouse(t)
		_, err := bare.as("mara").CreateJob(t.Context(), jobs.JobSpec{
			Type: "count", Name: "x", Data: json.RawMessage(`{"warehouse":"a"}`), Datasets: []jobs.AssociationSpec{stockSpec()},
		})
		if paths(t, err) != "datasets[0].datasetId" || !strings.Contains(err.Error(), "no datasets") {
			t.Errorf("error is %v", err)
		}
	})
}

func TestClient_AddAssociation(t *testing.T) {
	t.Parallel()
	h, _ := newDatasetHouse(t)
	j := h.shared(func(s *jobs.JobSpec) { s.Datasets = []jobs.AssociationSpec{stockSpec()} })
	zero, three := 0, 3
	for name, test := range map[string]struct {
		who  jobs.PrincipalID
		spec jobs.AssociationSpec
		want string
	}{
		"taken":                     {"mara", jobs.AssociationSpec{Alias: "stock", DatasetID: "globex:orders"}, "conflict"},
		"taken, and faulty":         {"mara", jobs.AssociationSpec{Alias: "stock", DatasetID: ""}, "datasetId"},
		"unknown":                   {"mara", jobs.AssociationSpec{Alias: "x", DatasetID: "globex:x"}, "datasetId"},
		"unknown for snapshots":     {"mara", snapshotsOf("globex:x"), "snapshots.snapshotDatasets[0]"},
		"not readable":              {"kim", jobs.AssociationSpec{Alias: "x", DatasetID: "globex:orders"}, "forbidden: read"},
		"not readable for snapshot": {"kim", snapshotsOf("globex:orders"), "forbidden: read and snapshot"},
		"no right to snapshots":     {"lea", snapshotsOf("globex:orders"), "forbidden: snapshot"},
		"place beyond the end":      {"mara", jobs.AssociationSpec{Alias: "x", DatasetID: "globex:orders", Index: &three}, "index"},
		"may not edit":              {"otto", jobs.AssociationSpec{}, "not found"},
	} {
		t.Run(name, func(t *testing.T) {
			_, _, err := h.as(test.who).AddAssociation(t.Context(), ref(j), test.spec)
			reason, forbidden := strings.CutPrefix(test.want, "forbidden: ")
			switch {
			case forbidden:
				if !errors.Is(err, jobs.ErrForbidden) || !strings.HasPrefix(err.Error(), reason+" on the dataset") {
					t.Errorf("error is %v, want %s", err, test.want)
				}
			case test.want == "conflict":
				if !errors.Is(err, jobs.ErrConflict) {
					t.Errorf("error is %v", err)
				}
			case test.want == "not found":
				if !errors.Is(err, jobs.ErrNotFound) {
					t.Errorf("error is %v", err)
				}
			default:
				if got := paths(t, err); got != test.want {
					t.Errorf("faults are at %s, want %s", got, test.want)
				}
			}
		})
	}
	// kim may read stock, which the job names already in another form; and a superuser may name what the provider knows nothing of it for.
	got, i, err := h.as("kim").AddAssociation(t.Context(), ref(j), jobs.AssociationSpec{Alias: "first", DatasetID: "globex:stock", Index: &zero})
	if err != nil || i != 0 || strings.Join(got.Aliases(), " ") != "first stock" || got.Revision != 2 {
		t.Fatalf("added at %d of %v, revision %d, %v", i, got.Aliases(), got.Revision, err)
	}
	boss := h.service.As(jobs.Principal{Tenant: "globex", User: "boss", Superuser: true})
	if _, _, err := boss.AddAssociation(t.Context(), ref(j), jobs.AssociationSpec{Alias: "o", DatasetID: "globex:orders"}); err != nil {
		t.Errorf("superuser: %v", err)
	}
}

func snapshotsOf(id jobs.DatasetID) jobs.AssociationSpec {
	return jobs.AssociationSpec{Alias: "x", DatasetID: "globex:stock", Snapshots: &jobs.SnapshotPolicy{When: jobs.SnapshotBefore, Datasets: []jobs.DatasetID{id}}}
}

func TestClient_UpdateAssociation(t *testing.T) {
	t.Parallel()
	h, _ := newDatasetHouse(t)
	j := h.shared(func(s *jobs.JobSpec) {
		s.Datasets = []jobs.AssociationSpec{stockSpec(), {Alias: "orders", DatasetID: "globex:orders"}}
	})
	mara := h.as("mara")
	update := func(who jobs.PrincipalID, p jobs.AssociationPatch) (*jobs.Association, error) {
		got, i, err := h.as(who).UpdateAssociation(t.Context(), ref(j), "stock", p, jobs.Precondition{})
		if err != nil {
			return nil, err
		}
		return &got.Datasets[i], nil
	}
	snapshots := func(p jobs.SnapshotPatch) jobs.AssociationPatch {
		return jobs.AssociationPatch{Snapshots: jobs.Value(p)}
	}

	t.Run("nothing is no change", func(t *testing.T) {
		if _, err := update("kim", jobs.AssociationPatch{Alias: jobs.Value("stock"), Index: jobs.Value(0), DatasetID: jobs.Value(jobs.DatasetID("globex:stock"))}); err != nil {
			t.Fatal(err)
		}
		if got, err := mara.Job(t.Context(), ref(j)); err != nil || got.Revision != 1 {
			t.Errorf("revision is %d, %v", got.Revision, err)
		}
	})
	t.Run("faults", func(t *testing.T) {
		for want, p := range map[string]jobs.AssociationPatch{
			"alias":                      {Alias: jobs.Value("other")},
			"datasetId":                  {DatasetID: jobs.Null[jobs.DatasetID]()},
			"index":                      {Index: jobs.Value(2)},
			"snapshots.when":             snapshots(jobs.SnapshotPatch{Keep: jobs.Value(3)}),
			"snapshots.keep":             snapshots(jobs.SnapshotPatch{When: jobs.Value(jobs.SnapshotBefore), Keep: jobs.Value(0)}),
			"snapshots.snapshotDatasets": snapshots(jobs.SnapshotPatch{When: jobs.Value(jobs.SnapshotBefore), Datasets: jobs.Value([]jobs.DatasetID{})}),
		} {
			if _, err := update("mara", p); paths(t, err) != want {
				t.Errorf("error is %v, want %s", err, want)
			}
		}
	})
	t.Run("snapshots are merged", func(t *testing.T) {
		own := []jobs.DatasetID{"globex:stock"}
		a, err := update("mara", snapshots(jobs.SnapshotPatch{When: jobs.Value(jobs.SnapshotBefore), Keep: jobs.Value(30), Datasets: jobs.Value(own)}))
		if err != nil || a.Snapshots.Datasets != nil || a.Snapshots.Keep != 30 {
			t.Fatalf("snapshots are %+v, %v", a, err)
		}
		a, err = update("mara", snapshots(jobs.SnapshotPatch{When: jobs.Value(jobs.SnapshotBoth)}))
		if err != nil || a.Snapshots.When != jobs.SnapshotBoth || a.Snapshots.Keep != 30 || a.Snapshots.Datasets != nil {
			t.Fatalf("snapshots are %+v, %v", a.Snapshots, err)
		}
		a, err = update("mara", snapshots(jobs.SnapshotPatch{Keep: jobs.Null[int]()}))
		if err != nil || a.Snapshots.Keep != 0 || a.Snapshots.When != jobs.SnapshotBoth {
			t.Fatalf("snapshots are %+v, %v", a.Snapshots, err)
		}
		if _, err := update("lea", jobs.AssociationPatch{DatasetID: jobs.Value(jobs.DatasetID("globex:orders"))}); !errors.Is(err, jobs.ErrForbidden) {
			t.Errorf("lea lets the job take snapshots of what she only may read: %v", err)
		}
		a, err = update("kim", jobs.AssociationPatch{Snapshots: jobs.Null[jobs.SnapshotPatch]()})
		if err != nil || a.Snapshots != nil {
			t.Fatalf("snapshots are %+v, %v", a.Snapshots, err)
		}
	})
	t.Run("a move changes the one that was moved", func(t *testing.T) {
		before, err := mara.Job(t.Context(), ref(j))
		if err != nil {
			t.Fatal(err)
		}
		after, i, err := mara.UpdateAssociation(t.Context(), ref(j), "stock", jobs.AssociationPatch{Index: jobs.Value(1)}, jobs.Precondition{})
		if err != nil || i != 1 || strings.Join(after.Aliases(), " ") != "orders stock" {
			t.Fatalf("moved to %d of %v, %v", i, after.Aliases(), err)
		}
		if !after.Datasets[1].UpdatedAt.After(before.Datasets[0].UpdatedAt) || !after.Datasets[0].UpdatedAt.Equal(before.Datasets[1].UpdatedAt) {
			t.Errorf("times went from %v to %v", before.Datasets, after.Datasets)
		}
		_, _, err = mara.UpdateAssociation(t.Context(), ref(j), "stock", jobs.AssociationPatch{Index: jobs.Value(0)}, jobs.Precondition{UpdatedAt: before.Datasets[0].UpdatedAt})
		if !errors.Is(err, jobs.ErrPrecondition) {
			t.Errorf("with an old version: %v", err)
		}
	})
}

func TestClient_DeleteAssociation(t *testing.T) {
	t.Parallel()
	h, _ := newDatasetHouse(t)
	mara := h.as("mara")
	j := h.job(mara, func(s *jobs.JobSpec) {
		s.Type, s.Data = "plain", json.RawMessage(`{"datasets":["orders","stock"],"note":"stock ${datasets.stock.records} ${datasets.stocks.records}"}`)
		s.Datasets = []jobs.AssociationSpec{stockSpec(), {Alias: "free", DatasetID: "globex:orders"}}
		s.Actions = []jobs.ActionSpec{
			{Type: "tell", Name: "A", Data: json.RawMessage(`{"to":"stock","text":"$${datasets.stock.records}"}`)},
			{
				Type: "tell", Name: "B", Data: json.RawMessage(`{"to":"a","text":"x ${datasets.stock.updatedAt}"}`),
				RunConditions: json.RawMessage(`{"match":"all","rules":[{"field":"run.trigger","operator":"eq","value":"manual"},
					{"match":"any","rules":[{"field":"datasets.stock.records","operator":"gt","value":0}]}]}`),
			},
		}
	})
	err := mara.DeleteAssociation(t.Context(), ref(j), "stock", jobs.Precondition{})
	var conflict *jobs.ConflictError
	if !errors.As(err, &conflict) {
		t.Fatalf("error is %v", err)
	}
	want := "[actions[1].runConditions.rules[1].rules[0].field data.datasets[1] data.note actions[1].data.text]"
	if got := fmt.Sprint(conflict.Data["usedBy"]); got != want {
		t.Errorf("used by %s, want %s", got, want)
	}
	if err := mara.DeleteAssociation(t.Context(), ref(j), "free", jobs.Precondition{}); err != nil {
		t.Errorf("one that nobody names: %v", err)
	}
	if err := mara.DeleteAssociation(t.Context(), ref(j), "free", jobs.Precondition{}); !errors.Is(err, jobs.ErrNotFound) {
		t.Errorf("again: %v", err)
	}
	// A driver that says what it names is believed: "stock" in another place is a text like any other.
	k := h.job(mara, func(s *jobs.JobSpec) {
		s.Type, s.Data = "refresh", json.RawMessage(`{"datasets":["stock"],"alias":"orders"}`)
		s.Datasets = []jobs.AssociationSpec{stockSpec(), {Alias: "orders", DatasetID: "globex:orders"}}
	})
	err = mara.DeleteAssociation(t.Context(), ref(k), "stock", jobs.Precondition{})
	if !errors.As(err, &conflict) || fmt.Sprint(conflict.Data["usedBy"]) != "[data.datasets[0]]" {
		t.Errorf("error is %v", err)
	}
	if err := mara.DeleteAssociation(t.Context(), ref(k), "orders", jobs.Precondition{}); err != nil {
		t.Errorf("not named by the driver: %v", err)
	}
}

// TestClient_BorrowedRights: whoever may edit a job cannot make it do, with the rights of its owner, what they may not do themselves.
func TestClient_BorrowedRights(t *testing.T) {
	t.Parallel()
	h, _ := newDatasetHouse(t)
	j := h.shared(func(s *jobs.JobSpec) {
		s.Type, s.Data = "refresh", json.RawMessage(`{"datasets":["stock"]}`)
		s.Datasets = []jobs.AssociationSpec{stockSpec(), {Alias: "orders", DatasetID: "globex:orders"}}
	})
	set := func(who jobs.PrincipalID, data string) error {
		_, err := h.as(who).UpdateJob(t.Context(), ref(j), jobs.JobPatch{Data: jobs.Value(json.RawMessage(data))}, jobs.Precondition{})
		return err
	}
	if err := set("lea", `{"datasets":["stock","orders"]}`); !errors.Is(err, jobs.ErrForbidden) || !strings.Contains(err.Error(), "globex:orders") {
		t.Errorf("lea lets the job refresh what she may only read: %v", err)
	}
	if err := set("lea", `{"datasets":[]}`); err != nil {
		t.Errorf("less than before: %v", err)
	}
	if err := set("lea", `{"datasets":["stock"]}`); !errors.Is(err, jobs.ErrForbidden) {
		t.Errorf("again as it was: %v", err)
	}
	if err := set("mara", `{"datasets":["stock","orders"]}`); err != nil {
		t.Errorf("mara: %v", err)
	}
	if _, err := h.as("lea").UpdateJob(t.Context(), ref(j), jobs.JobPatch{Name: jobs.Value("Other")}, jobs.Precondition{}); err != nil {
		t.Errorf("a change that has nothing to do with datasets: %v", err)
	}
}

func TestClient_DatasetPermissions(t *testing.T) {
	t.Parallel()
	h, provider := newDatasetHouse(t)
	j := h.shared(func(s *jobs.JobSpec) {
		s.Type = "refresh"
		s.Datasets = []jobs.AssociationSpec{
			stockSpec(), {Alias: "orders", DatasetID: "globex:orders", Snapshots: &jobs.SnapshotPolicy{When: "before", Datasets: []jobs.DatasetID{"globex:stock", "globex:orders"}}},
		}
	})
	show := func(checks []jobs.DatasetCheck) (lines []string) {
		for _, c := range checks {
			lines = append(lines, fmt.Sprintf("%s %s exists %v allowed %v: %s", c.Alias, c.DatasetID, c.Exists, c.Allowed(), c.Reason))
		}
		return lines
	}
	check := func(client *jobs.Client, who jobs.PrincipalID, want ...string) {
		t.Helper()
		checks, err := client.DatasetPermissions(t.Context(), ref(j), who)
		if err != nil {
			t.Fatal(err)
		}
		if got := show(checks); !slices.Equal(got, want) {
			t.Errorf("as %q:\n%s\nwant\n%s", who, strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
	}
	check(h.as("mara"), "",
		"stock globex:stock exists true allowed true: ", "orders globex:orders exists true allowed true: ", "orders globex:stock exists true allowed true: ")
	check(h.as("mara"), "lea",
		"stock globex:stock exists true allowed false: the job refreshes this dataset; refresh is not allowed",
		"orders globex:orders exists true allowed false: the job refreshes this dataset and takes snapshots of it; neither is allowed",
		"orders globex:stock exists true allowed false: the job takes snapshots of this dataset; snapshot is not allowed")
	provider.Remove("globex", "globex:orders")
	check(h.as("kim"), "",
		"stock globex:stock exists true allowed false: the job refreshes this dataset; refresh is not allowed",
		"orders globex:orders exists false allowed false: the dataset does not exist",
		"orders globex:stock exists true allowed false: the job takes snapshots of this dataset; snapshot is not allowed")
	if _, err := h.as("kim").DatasetPermissions(t.Context(), ref(j), "mara"); !errors.Is(err, jobs.ErrForbidden) {
		t.Errorf("kim asks for mara: %v", err)
	}
	provider.Fail = func(context.Context, string) error { return errors.New("password of the data source: hunter2") }
	_, err := h.as("mara").DatasetPermissions(t.Context(), ref(j), "")
	var unavailable *jobs.UnavailableError
	if !errors.As(err, &unavailable) || strings.Contains(unavailable.Reason, "hunter2") {
		t.Errorf("error is %v", err)
	}
}

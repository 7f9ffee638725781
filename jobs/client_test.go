package jobs_test

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/carillon-go/carillon/drivers"
	"github.com/carillon-go/carillon/jobs"
	"github.com/carillon-go/carillon/storage/sqlite"
	"github.com/carillon-go/carillon/storage/sqlite/sqlitetest"
)

// house is a service on a real store, with two job drivers and one action driver.
type house struct {
	t       *testing.T
	store   *sqlite.Store
	service *jobs.Service
}

type count struct {
	Warehouse string `json:"warehouse"`
	Password  string `json:"password,omitempty" secret:"true"`
}

type tell struct {
	To   string `json:"to"`
	Text string `json:"text,omitempty"`
}

func newHouse(t *testing.T) *house {
	t.Helper()
	store := sqlitetest.Open(t, sqlite.Options{})
	t.Cleanup(func() {
		if err := store.Check(context.WithoutCancel(t.Context())); err != nil {
			t.Errorf("invariants: %v", err)
		}
	})
	registry, err := drivers.NewRegistry(
		drivers.Func("count", func(context.Context, count) (any, error) { return nil, nil }),
		drivers.Func("tell", func(context.Context, tell) (any, error) { return nil, nil }).With(drivers.FuncOptions{Kind: jobs.DriverAction}),
	)
	if err != nil {
		t.Fatal(err)
	}
	keys, err := jobs.NewKey([]byte("0123456789abcdef0123456789abcdef"))
	if err != nil {
		t.Fatal(err)
	}
	return &house{t, store, jobs.NewService(store, registry, jobs.ServiceOptions{Keys: keys})}
}

func (h *house) as(user jobs.PrincipalID, teams ...jobs.Membership) *jobs.Client {
	return h.service.As(jobs.Principal{Tenant: "globex", User: user, Teams: teams, Rights: jobs.Rights{CreateJobs: true}})
}

func (h *house) job(c *jobs.Client, change func(*jobs.JobSpec)) *jobs.Job {
	h.t.Helper()
	spec := jobs.JobSpec{Type: "count", Name: "Count", Data: json.RawMessage(`{"warehouse":"HAM"}`)}
	if change != nil {
		change(&spec)
	}
	j, err := c.CreateJob(h.t.Context(), spec)
	if err != nil {
		h.t.Fatal(err)
	}
	return j
}

func ref(j *jobs.Job) jobs.JobRef { return jobs.JobRef{ID: j.ID} }

// paths are the fields that an error names.
func paths(t *testing.T, err error) string {
	t.Helper()
	var v *jobs.ValidationError
	if !errors.As(err, &v) {
		t.Fatalf("error is %v, want a ValidationError", err)
	}
	var names []string
	for _, f := range v.Fields {
		names = append(names, f.Path)
	}
	return strings.Join(names, " ")
}

func TestClient_CreateJob(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	mara := h.as("mara")

	t.Run("names every fault of a spec and stores nothing", func(t *testing.T) {
		_, err := mara.CreateJob(t.Context(), jobs.JobSpec{
			Type: "count", Slug: "Not A Slug", Schedule: jobs.ScheduleSpec{Interval: "61 * * * *", Timezone: "Berlin"},
			Data: json.RawMessage(`{"warehouse":7,"depot":"x"}`), Policies: &jobs.Policies{},
			Actions: []jobs.ActionSpec{{Type: "nothing", Name: "x"}, {Type: "tell", Name: "y", Data: json.RawMessage(`{}`), OnError: "explode"}},
		})
		got := paths(t, err)
		for _, want := range []string{
			"name", "slug", "interval", "timezone", "policies.overlap", "data.warehouse", "data.depot", "actions[0].type", "actions[1].data.to",
			"actions[1].onError",
		} {
			if !strings.Contains(" "+got+" ", " "+want+" ") {
				t.Errorf("%q is not named in: %s", want, got)
			}
		}
		page, err := mara.Jobs(t.Context(), jobs.JobQuery{})
		if err != nil || page.Total != 0 {
			t.Errorf("after a refused create there are %d jobs, %v", page.Total, err)
		}
	})
	t.Run("numbers slugs that are taken", func(t *testing.T) {
		for _, want := range []string{"count", "count-2", "count-3"} {
			if j := h.job(mara, nil); j.Slug != want {
				t.Errorf("slug is %q, want %q", j.Slug, want)
			}
		}
	})
	t.Run("refuses a slug of the caller's that is taken", func(t *testing.T) {
		_, err := mara.CreateJob(t.Context(), jobs.JobSpec{Type: "count", Name: "x", Slug: "count", Data: json.RawMessage(`{"warehouse":"a"}`)})
		if !errors.Is(err, jobs.ErrConflict) {
			t.Errorf("error is %v, want a conflict", err)
		}
	})
	t.Run("lets conditions name earlier actions of the same spec by position", func(t *testing.T) {
		action := func(condition string) jobs.ActionSpec {
			return jobs.ActionSpec{Type: "tell", Name: "Tell", Data: json.RawMessage(`{"to":"a"}`), RunConditions: json.RawMessage(condition)}
		}
		j := h.job(mara, func(s *jobs.JobSpec) {
			s.Actions = []jobs.ActionSpec{
				action(`null`), action(`{"match":"all","rules":[{"field":"actions[0].status","operator":"eq","value":"success"}]}`),
			}
		})
		if got := j.Actions[1].Condition.Actions(); len(got) != 1 || got[0] != string(j.Actions[0].ID) {
			t.Errorf("condition names %v, want %s", got, j.Actions[0].ID)
		}
		_, err := mara.CreateJob(t.Context(), jobs.JobSpec{
			Type: "count", Name: "x", Data: json.RawMessage(`{"warehouse":"a"}`),
			Actions: []jobs.ActionSpec{action(`{"match":"all","rules":[{"field":"actions[1].status","operator":"eq","value":"success"}]}`), action(`null`)},
		})
		if got := paths(t, err); got != "actions[0].runConditions.rules[0].field" {
			t.Errorf("fault is at %s", got)
		}
	})
	t.Run("keeps a secret out of what is read", func(t *testing.T) {
		j := h.job(mara, func(s *jobs.JobSpec) { s.Data = json.RawMessage(`{"warehouse":"HAM","password":"correct horse"}`) })
		text, err := json.Marshal(j)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(text), "correct horse") || len(j.Secrets) != 1 {
			t.Errorf("job as it is stored: %s", text)
		}
	})
	t.Run("is refused to who may not create, and for owners that are not the caller's", func(t *testing.T) {
		spec := jobs.JobSpec{Type: "count", Name: "x", Data: json.RawMessage(`{"warehouse":"a"}`)}
		for name, c := range map[string]*jobs.Client{
			"nobody":    h.service.As(jobs.Principal{}),
			"no right":  h.service.As(jobs.Principal{Tenant: "globex", User: "kim"}),
			"read-only": h.service.As(jobs.Principal{Tenant: "globex", User: "kim", ReadOnly: true, Superuser: true}),
		} {
			if _, err := c.CreateJob(t.Context(), spec); !errors.Is(err, jobs.ErrForbidden) && !errors.Is(err, jobs.ErrUnauthenticated) {
				t.Errorf("%s: error is %v", name, err)
			}
		}
		spec.OwnerID = "team:sales"
		if _, err := h.as("kim", jobs.Membership{Team: "team:sales", Role: jobs.RoleDesigner}).CreateJob(t.Context(), spec); !errors.Is(err, jobs.ErrForbidden) {
			t.Errorf("a designer made a job of the team: %v", err)
		}
		if _, err := h.as("kim", jobs.Membership{Team: "team:sales", Role: jobs.RoleDataWizard}).CreateJob(t.Context(), spec); err != nil {
			t.Errorf("a dataWizard could not: %v", err)
		}
	})
}

func TestClient_UpdateJob(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	mara := h.as("mara")
	update := func(t *testing.T, j *jobs.Job, p jobs.JobPatch) *jobs.Job {
		t.Helper()
		got, err := mara.UpdateJob(t.Context(), ref(j), p, jobs.Precondition{})
		if err != nil {
			t.Fatal(err)
		}
		return got
	}

	t.Run("an empty patch changes nothing", func(t *testing.T) {
		j := h.job(mara, nil)
		if got := update(t, j, jobs.JobPatch{}); got.Revision != j.Revision || !got.UpdatedAt.Equal(j.UpdatedAt) {
			t.Errorf("revision %d at %s, want %d at %s", got.Revision, got.UpdatedAt, j.Revision, j.UpdatedAt)
		}
	})
	t.Run("merges data at its first level and keeps what was not sent", func(t *testing.T) {
		j := h.job(mara, func(s *jobs.JobSpec) { s.Data = json.RawMessage(`{"warehouse":"HAM","password":"s3cret-pass"}`) })
		got := update(t, j, jobs.JobPatch{Data: jobs.Value(json.RawMessage(`{"warehouse":"BRE"}`))})
		if string(got.Data) != `{"warehouse":"BRE"}` || len(got.Secrets) != 1 {
			t.Errorf("data %s with %d secrets", got.Data, len(got.Secrets))
		}
		got = update(t, j, jobs.JobPatch{Data: jobs.Value(json.RawMessage(`{"password":null}`))})
		if len(got.Secrets) != 0 {
			t.Error("null did not remove the secret")
		}
	})
	t.Run("a schedule field computes the next run anew, another does not", func(t *testing.T) {
		j := h.job(mara, func(s *jobs.JobSpec) { s.Schedule = jobs.Every("1 hour") })
		if got := update(t, j, jobs.JobPatch{Name: jobs.Value("Other")}); !got.NextRunAt.Equal(j.NextRunAt) {
			t.Errorf("a new name moved the next run from %s to %s", j.NextRunAt, got.NextRunAt)
		}
		got := update(t, j, jobs.JobPatch{Interval: jobs.Value("2 hours")})
		if d := got.NextRunAt.Sub(got.UpdatedAt); d != 2*time.Hour || got.Schedule.IntervalType != jobs.IntervalSimple {
			t.Errorf("next run is in %s, type %s", d, got.Schedule.IntervalType)
		}
		if got = update(t, j, jobs.JobPatch{Interval: jobs.Value("0 5 * * *")}); got.Schedule.IntervalType != jobs.IntervalCron {
			t.Errorf("type is %q, want it derived anew", got.Schedule.IntervalType)
		}
		if got = update(t, j, jobs.JobPatch{Enabled: jobs.Value(false)}); !got.NextRunAt.IsZero() {
			t.Errorf("a disabled job fires at %s", got.NextRunAt)
		}
		if got = update(t, j, jobs.JobPatch{Enabled: jobs.Value(true)}); got.NextRunAt.IsZero() {
			t.Error("an enabled job has no next run")
		}
		if got = update(t, j, jobs.JobPatch{Interval: jobs.Null[string]()}); !got.NextRunAt.IsZero() || got.Schedule.IntervalType != "" {
			t.Errorf("without interval: next %s, type %q", got.NextRunAt, got.Schedule.IntervalType)
		}
	})
	t.Run("what cannot change is named", func(t *testing.T) {
		j := h.job(mara, nil)
		_, err := mara.UpdateJob(t.Context(), ref(j), jobs.JobPatch{
			Type: jobs.Value("other"), OwnerID: jobs.Value(jobs.PrincipalID("kim")), Name: jobs.Null[string](),
		}, jobs.Precondition{})
		if got := paths(t, err); got != "type ownerId name" {
			t.Errorf("faults at %s", got)
		}
	})
	t.Run("a stale revision is refused, and nothing is written", func(t *testing.T) {
		j := h.job(mara, nil)
		update(t, j, jobs.JobPatch{Name: jobs.Value("First")})
		_, err := mara.UpdateJob(t.Context(), ref(j), jobs.JobPatch{Name: jobs.Value("Second")}, jobs.Precondition{Revision: j.Revision})
		if !errors.Is(err, jobs.ErrPrecondition) {
			t.Errorf("error is %v", err)
		}
		if got, _ := mara.Job(t.Context(), ref(j)); got.Name != "First" {
			t.Errorf("name is %q", got.Name)
		}
	})
	t.Run("a schedule that never comes is refused", func(t *testing.T) {
		j := h.job(mara, nil)
		for want, p := range map[string]jobs.JobPatch{
			"interval": {Interval: jobs.Value("10000 months")}, "startOn": {Interval: jobs.Value("1 day"), StartOn: jobs.Value("0001-01-01")},
		} {
			_, err := mara.UpdateJob(t.Context(), ref(j), p, jobs.Precondition{})
			if got := paths(t, err); got != want {
				t.Errorf("faults at %s, want %s", got, want)
			}
		}
	})
	t.Run("many changes at once wait for each other", func(t *testing.T) {
		j := h.job(mara, nil)
		const editors = 60
		errs := make(chan error)
		for n := range editors {
			go func() {
				_, err := mara.UpdateJob(t.Context(), ref(j), jobs.JobPatch{Description: jobs.Value(strings.Repeat("x", n+1))}, jobs.Precondition{})
				errs <- err
			}()
		}
		for range editors {
			if err := <-errs; err != nil {
				t.Error(err)
			}
		}
		if got, err := mara.Job(t.Context(), ref(j)); err != nil || got.Revision != j.Revision+editors {
			t.Errorf("revision %d after %d changes of revision %d, %v", got.Revision, editors, j.Revision, err)
		}
	})
	t.Run("concurrent changes of different fields are all kept", func(t *testing.T) {
		j := h.job(mara, nil)
		errs := make(chan error)
		patches := []jobs.JobPatch{
			{Name: jobs.Value("New name")}, {Description: jobs.Value("New words")}, {Interval: jobs.Value("5 minutes")}, {Slug: jobs.Value("new-slug")},
		}
		for _, p := range patches {
			go func() {
				_, err := mara.UpdateJob(t.Context(), ref(j), p, jobs.Precondition{})
				errs <- err
			}()
		}
		for range patches {
			if err := <-errs; err != nil {
				t.Error(err)
			}
		}
		got, err := mara.Job(t.Context(), ref(j))
		if err != nil || got.Name != "New name" || got.Description != "New words" || got.Schedule.Interval != "5 minutes" || got.Slug != "new-slug" {
			t.Errorf("job is %+v, %v", got, err)
		}
	})
}

func TestClient_permissions(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	j := h.job(h.as("mara"), nil)
	stranger := h.as("kim")
	if _, err := stranger.Job(t.Context(), ref(j)); !errors.Is(err, jobs.ErrNotFound) {
		t.Errorf("a stranger reads the job: %v", err)
	}
	if page, err := stranger.Jobs(t.Context(), jobs.JobQuery{}); err != nil || page.Total != 0 {
		t.Errorf("a stranger's list has %d jobs, %v", page.Total, err)
	}
	other := h.service.As(jobs.Principal{Tenant: "initech", User: "mara", Superuser: true})
	if _, err := other.Job(t.Context(), ref(j)); !errors.Is(err, jobs.ErrNotFound) {
		t.Errorf("another tenant's superuser reads the job: %v", err)
	}
	readOnly := h.service.As(jobs.Principal{Tenant: "globex", User: "mara", ReadOnly: true})
	if _, err := readOnly.Job(t.Context(), ref(j)); err != nil {
		t.Errorf("a read-only token cannot read: %v", err)
	}
	if err := readOnly.DeleteJob(t.Context(), ref(j), false, jobs.Precondition{}); !errors.Is(err, jobs.ErrForbidden) {
		t.Errorf("a read-only token deletes: %v", err)
	}
	for _, natural := range []struct {
		text string
		want bool
	}{{"globex:count", true}, {"mara:count", true}, {"kim:count", false}, {"initech:count", false}, {"globex:none", false}} {
		r, ok := jobs.ParseJobRef(natural.text)
		if !ok {
			t.Fatalf("%q is no reference", natural.text)
		}
		if _, err := h.as("mara").Job(t.Context(), r); (err == nil) != natural.want {
			t.Errorf("%s: error %v", natural.text, err)
		}
	}
}

func TestClient_Ensure(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	system := h.service.As(jobs.System("globex"))
	spec := jobs.JobSpec{
		Slug: "nightly", Type: "count", Name: "Nightly", Schedule: jobs.Cron("0 3 * * *", "Europe/Berlin"),
		Data:    json.RawMessage(`{"warehouse":"HAM"}`),
		Actions: []jobs.ActionSpec{{Type: "tell", Name: "Tell", Data: json.RawMessage(`{"to":"a"}`)}},
	}
	ensure := func(spec jobs.JobSpec, o jobs.EnsureOptions) *jobs.Job {
		t.Helper()
		j, err := system.Ensure(t.Context(), spec, o)
		if err != nil {
			t.Fatal(err)
		}
		return j
	}
	first := ensure(spec, jobs.EnsureOptions{})
	if again := ensure(spec, jobs.EnsureOptions{}); again.ID != first.ID || again.Revision != first.Revision {
		t.Errorf("the second start made revision %d of %s", again.Revision, again.ID)
	}
	if _, err := system.UpdateJob(t.Context(), ref(first), jobs.JobPatch{Interval: jobs.Value("0 4 * * *"), Enabled: jobs.Value(false)}, jobs.Precondition{}); err != nil {
		t.Fatal(err)
	}
	spec.Name = "Nightly count"
	got := ensure(spec, jobs.EnsureOptions{})
	if got.Name != "Nightly count" || got.Schedule.Interval != "0 4 * * *" || got.Enabled {
		t.Errorf("name %q, interval %q, enabled %v: want the code's new name and the operator's schedule", got.Name, got.Schedule.Interval, got.Enabled)
	}
	if got.Actions[0].ID != first.Actions[0].ID {
		t.Error("an action that did not change has a new id")
	}
	got = ensure(spec, jobs.EnsureOptions{Overwrite: true})
	if got.Schedule.Interval != "0 3 * * *" || !got.Enabled {
		t.Errorf("overwrite left interval %q, enabled %v", got.Schedule.Interval, got.Enabled)
	}
}

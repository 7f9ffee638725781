package jobs_test

import (
	"errors"
	"testing"
	"time"

	"github.com/carillon-go/carillon/jobs"
)

// operators are a superuser, one who may manage the cluster too, and one who may only that.
func (h *house) operators() (super, manager, clusterOnly, reader *jobs.Client) {
	p := jobs.Principal{Tenant: "globex", User: "root", Superuser: true}
	super = h.service.As(p)
	p.Rights.ManageCluster = true
	manager = h.service.As(p)
	p.ReadOnly = true
	reader = h.service.As(p)
	return super, manager, h.service.As(jobs.Principal{Tenant: "globex", User: "ops", Rights: jobs.Rights{ManageCluster: true}}), reader
}

// TestClient_Limits holds contract 12.4.
func TestClient_Limits(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	super, manager, clusterOnly, reader := h.operators()
	value := jobs.Value[int]
	set := func(c *jobs.Client, p jobs.LimitsPatch) error {
		_, err := c.SetLimits(t.Context(), p)
		return err
	}
	if got, err := super.Limits(t.Context()); err != nil || got != jobs.DefaultLimits() {
		t.Errorf("a new system has %+v, %v", got, err)
	}

	t.Run("who may", func(t *testing.T) {
		for _, c := range []struct {
			name string
			err  error
			want error
		}{
			{"nobody", set(h.service.As(jobs.Principal{}), jobs.LimitsPatch{}), jobs.ErrUnauthenticated},
			{"a user", set(h.as("mara"), jobs.LimitsPatch{TenantConcurrency: value(5)}), jobs.ErrForbidden},
			{"a user with the right to the cluster alone", set(clusterOnly, jobs.LimitsPatch{ClusterConcurrency: value(5)}), jobs.ErrForbidden},
			{"a read-only token", set(reader, jobs.LimitsPatch{TenantConcurrency: value(5)}), jobs.ErrForbidden},
			{"a superuser, concurrency of the cluster", set(super, jobs.LimitsPatch{ClusterConcurrency: value(0)}), jobs.ErrForbidden},
			{"a superuser, heartbeat", set(super, jobs.LimitsPatch{HeartbeatSeconds: value(0)}), jobs.ErrForbidden},
			{"a superuser, time-out", set(super, jobs.LimitsPatch{TimeoutSeconds: jobs.Null[int]()}), jobs.ErrForbidden},
			{"a superuser, part of it", set(super, jobs.LimitsPatch{TenantConcurrency: value(5), TimeoutSeconds: value(90)}), jobs.ErrForbidden},
		} {
			if !errors.Is(c.err, c.want) {
				t.Errorf("%s: %v", c.name, c.err)
			}
		}
		if _, err := h.as("mara").Limits(t.Context()); !errors.Is(err, jobs.ErrForbidden) {
			t.Errorf("a user reads them: %v", err)
		}
		if _, err := reader.Limits(t.Context()); err != nil {
			t.Errorf("a read-only token does not read them: %v", err)
		}
		if got, err := super.Limits(t.Context()); err != nil || got != jobs.DefaultLimits() {
			t.Errorf("a refused write left %+v, %v", got, err)
		}
	})
	t.Run("a patch is merged over what is stored, and the whole is checked", func(t *testing.T) {
		want := jobs.DefaultLimits()
		for _, step := range []struct {
			c      *jobs.Client
			patch  jobs.LimitsPatch
			change func()
		}{
			{super, jobs.LimitsPatch{TenantConcurrency: value(7)}, func() { want.TenantConcurrency = 7 }},
			{manager, jobs.LimitsPatch{ClusterConcurrency: value(70)}, func() { want.ClusterConcurrency = 70 }},
			{manager, jobs.LimitsPatch{HeartbeatSeconds: value(30)}, func() { want.Heartbeat = 30 * time.Second }},
			{
				manager,
				jobs.LimitsPatch{HeartbeatSeconds: value(40), TimeoutSeconds: value(80)},
				func() { want.Heartbeat, want.Timeout = 40*time.Second, 80*time.Second },
			},
			{manager, jobs.LimitsPatch{}, func() {}},
		} {
			got, err := step.c.SetLimits(t.Context(), step.patch)
			if step.change(); err != nil || got != want {
				t.Errorf("%+v gives %+v, %v; want %+v", step.patch, got, err, want)
			}
		}
		for _, bad := range []struct {
			patch jobs.LimitsPatch
			want  string
		}{
			{jobs.LimitsPatch{HeartbeatSeconds: value(41)}, "timeoutSeconds"},
			{jobs.LimitsPatch{TimeoutSeconds: value(79)}, "timeoutSeconds"},
			{jobs.LimitsPatch{TimeoutSeconds: value(1 << 62)}, "timeoutSeconds"},
			{jobs.LimitsPatch{HeartbeatSeconds: value(-1 << 62)}, "heartbeatSeconds"},
			{jobs.LimitsPatch{TenantConcurrency: value(0), ClusterConcurrency: jobs.Null[int]()}, "clusterConcurrency tenantConcurrency"},
		} {
			if err := set(manager, bad.patch); paths(t, err) != bad.want {
				t.Errorf("%+v: %v", bad.patch, err)
			}
		}
		if got, err := super.Limits(t.Context()); err != nil || got != want {
			t.Errorf("refused writes left %+v, %v; want %+v", got, err, want)
		}
	})
	t.Run("the tenant's part is the tenant's, the rest is everybody's", func(t *testing.T) {
		other := h.service.As(jobs.System("initech"))
		got, err := other.Limits(t.Context())
		if err != nil || got.TenantConcurrency != 10 || got.ClusterConcurrency != 70 || got.Heartbeat != 40*time.Second {
			t.Errorf("another tenant has %+v, %v", got, err)
		}
	})
}

// TestClient_SteerWorker holds contract 12.3.
func TestClient_SteerWorker(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	super, manager, clusterOnly, reader := h.operators()
	worker := h.hands("w", "count")
	drain := jobs.WorkerPatch{Status: jobs.Value(jobs.WorkerDraining)}
	steer := func(c *jobs.Client, id jobs.WorkerID, p jobs.WorkerPatch) error {
		_, err := c.SteerWorker(t.Context(), id, p)
		return err
	}
	for _, c := range []struct {
		name string
		err  error
		want error
	}{
		{"nobody", steer(h.service.As(jobs.Principal{}), "w", drain), jobs.ErrUnauthenticated},
		{"a superuser", steer(super, "w", drain), jobs.ErrForbidden},
		{"a superuser, an unknown worker", steer(super, "nobody", drain), jobs.ErrForbidden},
		{"a read-only token", steer(reader, "w", drain), jobs.ErrForbidden},
		{"an unknown worker", steer(manager, "nobody", jobs.WorkerPatch{Concurrency: jobs.Value(0)}), jobs.ErrNotFound},
		{"a superuser deletes", super.DeleteWorker(t.Context(), "w"), jobs.ErrForbidden},
		{"delete of a live one", manager.DeleteWorker(t.Context(), "w"), jobs.ErrConflict},
		{"delete of an unknown one", manager.DeleteWorker(t.Context(), "nobody"), jobs.ErrNotFound},
	} {
		if !errors.Is(c.err, c.want) {
			t.Errorf("%s: %v", c.name, c.err)
		}
	}
	for _, bad := range []struct {
		patch jobs.WorkerPatch
		want  string
	}{
		{jobs.WorkerPatch{Status: jobs.Value(jobs.WorkerStopped)}, "status"},
		{jobs.WorkerPatch{Status: jobs.Value(jobs.WorkerLost), Concurrency: jobs.Value(1001)}, "status concurrency"},
		{jobs.WorkerPatch{Status: jobs.Value(jobs.WorkerStatus(""))}, "status"},
		{jobs.WorkerPatch{Concurrency: jobs.Value(0)}, "concurrency"},
		{jobs.WorkerPatch{Status: jobs.Null[jobs.WorkerStatus](), Concurrency: jobs.Null[int]()}, "status concurrency"},
	} {
		if err := steer(manager, "w", bad.patch); paths(t, err) != bad.want {
			t.Errorf("%+v: %v", bad.patch, err)
		}
	}
	check := func(status jobs.WorkerStatus, concurrency int) {
		t.Helper()
		if got := worker.exchange(0); got.Status != status || got.Concurrency != concurrency {
			t.Errorf("the worker is told %s and %d, want %s and %d", got.Status, got.Concurrency, status, concurrency)
		}
	}
	check(jobs.WorkerActive, 8)
	got, err := clusterOnly.SteerWorker(t.Context(), "w", jobs.WorkerPatch{Status: jobs.Value(jobs.WorkerDraining), Concurrency: jobs.Value(1000)})
	if err != nil || got.Status != jobs.WorkerDraining || got.Concurrency != 1000 {
		t.Errorf("%+v, %v", got, err)
	}
	check(jobs.WorkerDraining, 1000)
	if err := steer(manager, "w", jobs.WorkerPatch{}); err != nil {
		t.Error(err)
	}
	check(jobs.WorkerDraining, 1000)
	if err := steer(manager, "w", jobs.WorkerPatch{Status: jobs.Value(jobs.WorkerActive)}); err != nil {
		t.Error(err)
	}
	check(jobs.WorkerActive, 1000)
	if err := h.store.StopWorker(t.Context(), time.Now(), "w"); err != nil {
		t.Fatal(err)
	}
	if err := steer(manager, "w", drain); !errors.Is(err, jobs.ErrConflict) {
		t.Errorf("a stopped worker: %v", err)
	}
	if err := manager.DeleteWorker(t.Context(), "w"); err != nil {
		t.Errorf("delete of a stopped worker: %v", err)
	}
}

func TestClient_Workers(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	super, _, clusterOnly, _ := h.operators()
	worker := h.hands("w", "count")
	for user, tenant := range map[jobs.PrincipalID]jobs.TenantID{"mara": "globex", "ivan": "initech"} {
		c := h.service.As(jobs.Principal{Tenant: tenant, User: user, Rights: jobs.Rights{CreateJobs: true}})
		h.started(c, h.job(c, nil))
		worker.claim()
	}
	if _, err := clusterOnly.Workers(t.Context(), jobs.WorkerQuery{}); !errors.Is(err, jobs.ErrForbidden) {
		t.Errorf("who is no superuser lists them: %v", err)
	}
	if _, err := clusterOnly.Worker(t.Context(), "w"); !errors.Is(err, jobs.ErrForbidden) {
		t.Errorf("who is no superuser reads one: %v", err)
	}
	page, err := super.Workers(t.Context(), jobs.WorkerQuery{Tenant: "initech"})
	if err != nil || len(page.Items) != 1 || page.Items[0].Running != 2 || len(page.Items[0].CurrentRuns) != 1 {
		t.Fatalf("a superuser of one of two tenants sees %+v, %v", page, err)
	}
	one, err := super.Worker(t.Context(), "w")
	if err != nil || len(one.CurrentRuns) != 1 || one.CurrentRuns[0].RunID != page.Items[0].CurrentRuns[0].RunID {
		t.Errorf("read alone: %+v, %v", one, err)
	}
	if _, err := super.RunByID(t.Context(), jobs.JobRef{ID: one.CurrentRuns[0].JobID}, one.CurrentRuns[0].RunID); err != nil {
		t.Errorf("the run that is shown is not the tenant's own: %v", err)
	}
}

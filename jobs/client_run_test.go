package jobs_test

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/carillon-go/carillon/drivers"
	"github.com/carillon-go/carillon/jobs"
)

// live is the run that a conflict names.
func live(t *testing.T, err error) any {
	t.Helper()
	var conflict *jobs.ConflictError
	if !errors.As(err, &conflict) {
		t.Fatalf("error is %v, want a conflict", err)
	}
	return conflict.Data["historyId"]
}

func TestClient_Run(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	mara := h.as("mara")
	run := func(t *testing.T, j *jobs.Job, o jobs.RunOptions) *jobs.Run {
		t.Helper()
		r, err := mara.Run(t.Context(), ref(j), o)
		if err != nil {
			t.Fatal(err)
		}
		return r
	}

	t.Run("queues a run with who started it and its params", func(t *testing.T) {
		j := h.job(mara, func(s *jobs.JobSpec) { s.Schedule = jobs.Every("1 hour") })
		r := run(t, j, jobs.RunOptions{Params: json.RawMessage(`{"warehouse": "HAM"}`)})
		if r.Status != jobs.RunQueued || r.Trigger != jobs.TriggerManual || r.TriggeredBy != "mara" || r.OwnerID != "mara" || r.Revision != 1 ||
			string(r.Params) != `{"warehouse": "HAM"}` || !r.FireAt.IsZero() || len(r.Steps) != 1 {
			t.Errorf("the run is %+v", r)
		}
		got, err := mara.Job(t.Context(), ref(j))
		if err != nil || !got.NextRunAt.Equal(j.NextRunAt) {
			t.Errorf("the schedule has moved from %s to %s, %v", j.NextRunAt, got.NextRunAt, err)
		}
	})
	t.Run("params are an empty object if nothing is said", func(t *testing.T) {
		if r := run(t, h.job(mara, nil), jobs.RunOptions{}); string(r.Params) != `{}` {
			t.Errorf("params are %s", r.Params)
		}
	})
	t.Run("params that are not an object, or too large, are refused", func(t *testing.T) {
		j := h.job(mara, nil)
		for _, bad := range []string{`[]`, `"x"`, `null`, `{`, `{} {}`, `{"x":"` + strings.Repeat("x", jobs.MaxParamsBytes) + `"}`} {
			_, err := mara.Run(t.Context(), ref(j), jobs.RunOptions{Params: json.RawMessage(bad)})
			if got := paths(t, err); got != "params" {
				t.Errorf("%.20s: faults at %q", bad, got)
			}
		}
	})
	t.Run("a job that is off can be started by hand", func(t *testing.T) {
		run(t, h.job(mara, func(s *jobs.JobSpec) { s.Disabled = true }), jobs.RunOptions{})
	})
	t.Run("a draft cannot", func(t *testing.T) {
		j := h.job(mara, nil)
		draft, err := mara.EditJob(t.Context(), ref(j))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := mara.Run(t.Context(), ref(draft), jobs.RunOptions{}); live(t, err) != nil {
			t.Errorf("a draft: %v", err)
		}
		if _, err := mara.Run(t.Context(), ref(draft), jobs.RunOptions{Params: json.RawMessage(`[]`)}); !errors.Is(err, jobs.ErrInvalid) {
			t.Errorf("a fault of the input comes before the state: %v", err)
		}
	})
	t.Run("a live run is in the way and is named", func(t *testing.T) {
		j := h.job(mara, nil)
		first := run(t, j, jobs.RunOptions{})
		if _, err := mara.Run(t.Context(), ref(j), jobs.RunOptions{}); live(t, err) != string(first.ID) {
			t.Errorf("%v names %v, want %s", err, live(t, err), first.ID)
		}
	})
	t.Run("a key gives its caller the first run again, ended or not", func(t *testing.T) {
		admin := func(user jobs.PrincipalID) *jobs.Client {
			return h.as(user, jobs.Membership{Team: "team:stock", Role: jobs.RoleAdmin})
		}
		j := h.job(admin("mara"), func(s *jobs.JobSpec) { s.OwnerID, s.Slug = "team:stock", "keyed" })
		start := func(user jobs.PrincipalID, key string) (*jobs.Run, error) {
			return admin(user).Run(t.Context(), ref(j), jobs.RunOptions{Key: key})
		}
		first, err := start("mara", "k1")
		if err != nil {
			t.Fatal(err)
		}
		again, err := start("mara", "k1")
		if err != nil || again.ID != first.ID {
			t.Errorf("the same key: %v, %v", again, err)
		}
		for _, other := range []struct {
			user jobs.PrincipalID
			key  string
		}{{"kim", "k1"}, {"mara", "k2"}, {"mara", "K1"}, {"mara", ""}} {
			if _, err := start(other.user, other.key); live(t, err) != string(first.ID) {
				t.Errorf("%+v: %v", other, err)
			}
		}
		if _, err := admin("mara").CancelRun(t.Context(), ref(j), first.ID); err != nil {
			t.Fatal(err)
		}
		if again, err = start("mara", "k1"); err != nil || again.ID != first.ID || again.Status != jobs.RunCanceled {
			t.Errorf("after its end: %+v, %v", again, err)
		}
		if other, err := start("kim", "k1"); err != nil || other.ID == first.ID {
			t.Errorf("another caller's key: %+v, %v", other, err)
		}
		if _, err := start("mara", strings.Repeat("k", jobs.MaxIdempotencyKey+1)); paths(t, err) != "Idempotency-Key" {
			t.Errorf("a key that is too long: %v", err)
		}
	})
}

func TestClient_Run_params_schema(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	type params struct {
		Region string `json:"region" enum:"eu,us"`
	}
	registry := registryOf(t, drivers.Func("report", func(context.Context, struct{}) (any, error) { return nil, nil }).With(drivers.FuncOptions{Params: params{}}))
	c := jobs.NewService(h.store, registry, jobs.ServiceOptions{}).As(jobs.System("globex"))
	j, err := c.CreateJob(t.Context(), jobs.JobSpec{Type: "report", Name: "Report"})
	if err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]string{`{"region":"mars"}`: "params.region", `{}`: "params.region", `{"region":"eu","x":1}`: "params.x"} {
		if _, err := c.Run(t.Context(), ref(j), jobs.RunOptions{Params: json.RawMessage(text)}); paths(t, err) != want {
			t.Errorf("%s: %v", text, err)
		}
	}
	if _, err := c.RunMany(t.Context(), ref(j), []json.RawMessage{[]byte(`{"region":"eu"}`), nil}); paths(t, err) != "params[1].region" {
		t.Errorf("many: %v", err)
	}
	if page, err := c.Runs(t.Context(), ref(j), jobs.RunQuery{}); err != nil || page.Total != 0 {
		t.Errorf("there are %d runs, %v", page.Total, err)
	}
	if _, err := c.Run(t.Context(), ref(j), jobs.RunOptions{Params: json.RawMessage(`{"region":"eu"}`)}); err != nil {
		t.Error(err)
	}
}

func TestClient_Run_needs_a_worker(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		mara := h.as("mara")
		j := h.job(mara, nil)
		start := func() error {
			_, err := mara.Run(t.Context(), ref(j), jobs.RunOptions{NeedWorker: true})
			return err
		}
		refused := func(what string) {
			t.Helper()
			if err := start(); !errors.Is(err, jobs.ErrUnavailable) {
				t.Errorf("%s: %v", what, err)
			}
			if page, err := mara.Runs(t.Context(), ref(j), jobs.RunQuery{}); err != nil || page.Total != 0 {
				t.Errorf("%s: %d runs were started, %v", what, page.Total, err)
			}
		}
		refused("no worker")
		h.hands("other", "email")
		refused("a worker for other jobs")
		h.hands("drains", "count")
		if err := h.store.SteerWorker(t.Context(), "drains", jobs.WorkerDraining, 0); err != nil {
			t.Fatal(err)
		}
		refused("a worker that drains")
		worker := h.hands("right", "email", "count")
		time.Sleep(jobs.DefaultLimits().Timeout + time.Second)
		refused("a worker that has not been heard of for too long")
		worker.exchange(0)
		if err := start(); err != nil {
			t.Errorf("a worker that beats again: %v", err)
		}
	})
}

func TestClient_RunMany(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	mara := h.as("mara")
	total := func(t *testing.T, j *jobs.Job) int {
		t.Helper()
		page, err := mara.Runs(t.Context(), ref(j), jobs.RunQuery{})
		if err != nil {
			t.Fatal(err)
		}
		return page.Total
	}
	three := []json.RawMessage{[]byte(`{"n":1}`), nil, []byte(`{"n":3}`)}
	t.Run("starts one run for each of the params", func(t *testing.T) {
		policies := jobs.DefaultPolicies()
		policies.Overlap, policies.MaxConcurrent = jobs.OverlapAllow, 2
		j := h.job(mara, func(s *jobs.JobSpec) { s.Policies = &policies })
		runs, err := mara.RunMany(t.Context(), ref(j), three)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, r := range runs {
			got = append(got, string(r.Params))
		}
		if want := `{"n":1} {} {"n":3}`; strings.Join(got, " ") != want || total(t, j) != 3 {
			t.Errorf("runs have params %v, want %s; %d are stored", got, want, total(t, j))
		}
		if runs[0].Blocked || runs[1].Blocked || !runs[2].Blocked {
			t.Errorf("with room for two they wait: %v, %v, %v", runs[0].Blocked, runs[1].Blocked, runs[2].Blocked)
		}
	})
	t.Run("or none: the policy is against the second", func(t *testing.T) {
		j := h.job(mara, nil)
		if _, err := mara.RunMany(t.Context(), ref(j), three); !errors.Is(err, jobs.ErrConflict) || total(t, j) != 0 {
			t.Errorf("error %v, and %d are stored", err, total(t, j))
		}
	})
	t.Run("or none: the params of one are wrong", func(t *testing.T) {
		j := h.job(mara, nil)
		if _, err := mara.RunMany(t.Context(), ref(j), append(three, []byte(`7`))); paths(t, err) != "params[3]" || total(t, j) != 0 {
			t.Errorf("error %v, and %d are stored", err, total(t, j))
		}
	})
	t.Run("nothing asked for is nothing done, for those who may", func(t *testing.T) {
		j := h.job(mara, nil)
		if runs, err := mara.RunMany(t.Context(), ref(j), nil); err != nil || len(runs) != 0 {
			t.Errorf("%v, %v", runs, err)
		}
		if _, err := h.as("kim").RunMany(t.Context(), ref(j), nil); !errors.Is(err, jobs.ErrNotFound) {
			t.Errorf("a stranger: %v", err)
		}
	})
}

func TestClient_Wait(t *testing.T) {
	t.Parallel()
	type ended struct {
		run *jobs.Run
		err error
	}
	t.Run("ends with the commit of the end, not with the next look", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			h := newHouse(t)
			mara := h.as("mara")
			j := h.job(mara, nil)
			r, err := mara.Run(t.Context(), ref(j), jobs.RunOptions{})
			if err != nil {
				t.Fatal(err)
			}
			start := time.Now()
			done := make(chan ended, 1)
			go func() {
				got, err := mara.Wait(t.Context(), ref(j), r.ID)
				done <- ended{got, err}
			}()
			worker := h.hands("w")
			claimed := worker.claim()
			synctest.Wait()
			if len(done) != 0 {
				t.Fatal("it did not wait for the end")
			}
			worker.end(claimed, jobs.StepSuccess, jobs.RunSuccess)
			got := <-done
			if got.err != nil || got.run.Status != jobs.RunSuccess || !got.run.Success() {
				t.Errorf("%+v, %v", got.run, got.err)
			}
			if d := time.Since(start); d >= time.Second { // virtual: nothing else makes time pass
				t.Errorf("it slept for %s", d)
			}
		})
	})
	t.Run("the end of the context gives the run so far", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			h := newHouse(t)
			mara := h.as("mara")
			j := h.job(mara, nil)
			r, err := mara.Run(t.Context(), ref(j), jobs.RunOptions{})
			if err != nil {
				t.Fatal(err)
			}
			h.hands("w").claim()
			ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
			defer cancel()
			got, err := mara.Wait(ctx, ref(j), r.ID)
			if err != nil || got.Status != jobs.RunRunning || ctx.Err() == nil {
				t.Errorf("%+v, %v, context %v", got, err, ctx.Err())
			}
			// Also when it has ended before.
			if got, err := mara.Wait(ctx, ref(j), r.ID); err != nil || got.ID != r.ID {
				t.Errorf("%+v, %v", got, err)
			}
		})
	})
	t.Run("a run that cannot be read is an error at once", func(t *testing.T) {
		h := newHouse(t)
		mara := h.as("mara")
		j, other := h.job(mara, nil), h.job(mara, nil)
		r, err := mara.Run(t.Context(), ref(j), jobs.RunOptions{})
		if err != nil {
			t.Fatal(err)
		}
		for name, wait := range map[string]func() (*jobs.Run, error){
			"a stranger":       func() (*jobs.Run, error) { return h.as("kim").Wait(t.Context(), ref(j), r.ID) },
			"by another job":   func() (*jobs.Run, error) { return mara.Wait(t.Context(), ref(other), r.ID) },
			"an unknown run":   func() (*jobs.Run, error) { return mara.Wait(t.Context(), ref(j), jobs.NewRunID()) },
			"a word for an id": func() (*jobs.Run, error) { return mara.Wait(t.Context(), ref(j), "latest") },
		} {
			if _, err := wait(); !errors.Is(err, jobs.ErrNotFound) {
				t.Errorf("%s: %v", name, err)
			}
		}
	})
}

package sqlstore_test

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/carillon-go/carillon/jobs"
	"github.com/carillon-go/carillon/storage/sqlite"
)

func minute(n int) time.Time { return morning.Add(time.Duration(n) * time.Minute) }

// givenPair stores a job whose document is going to be broken, and one that has nothing to do with it. Both fire every minute.
func givenPair(t *testing.T, s *sqlite.Store) {
	t.Helper()
	for _, id := range []jobs.ID{"bad", "good"} {
		j := &jobs.Job{
			ID: id, Tenant: "acme", Slug: string(id), OwnerID: "mara", Enabled: true, Revision: 1, NextRunAt: minute(1),
			CreatedAt: morning, UpdatedAt: morning, DefnUpdatedAt: morning,
			Definition: jobs.Definition{
				Type: "report", Name: "Stock " + string(id), Data: json.RawMessage(`{}`), Policies: jobs.DefaultPolicies(),
				Schedule: jobs.Schedule{Interval: "* * * * *", IntervalType: jobs.IntervalCron},
			},
		}
		j.Policies.Overlap = jobs.OverlapQueue
		j.Policies.Priority = 7
		if err := s.InsertJob(context.Background(), morning, j); err != nil {
			t.Fatal(err)
		}
	}
}

// change changes the file behind the back of the store.
func change(t *testing.T, db *sql.DB, statements ...string) {
	t.Helper()
	for _, statement := range append([]string{"DROP TRIGGER IF EXISTS job_revisions_final"}, statements...) {
		if _, err := db.Exec(statement); err != nil {
			t.Fatalf("%s: %v", statement, err)
		}
	}
}

// faults are ways in which the document of the job "bad" cannot be read.
var faults = map[string]string{
	"a flipped bit":           `UPDATE job_revisions SET definition = replace(definition, '"type":', '"type";') WHERE job_id = 'bad'`,
	"a newer writer":          `UPDATE job_revisions SET definition = replace(definition, '"schedule":{', '"schedule":[{') WHERE job_id = 'bad'`,
	"a value that is no time": `UPDATE job_revisions SET definition = json_set(definition, '$.schedule.startOn', 'soon') WHERE job_id = 'bad'`,
	"another document":        `UPDATE job_revisions SET definition = '{}' WHERE job_id = 'bad'`,
	"a lost row":              `DELETE FROM job_revisions WHERE job_id = 'bad'`,
}

func start(id jobs.ID) jobs.Start {
	return jobs.Start{Tenant: "acme", JobID: id, Trigger: jobs.TriggerManual, TriggeredBy: "ole", Params: []json.RawMessage{nil}}
}

func TestBroken_job(t *testing.T) {
	ctx := context.Background()
	for name, fault := range faults {
		t.Run(name, func(t *testing.T) {
			s, db := newDatabase(t)
			givenPair(t, s)
			change(t, db, fault)

			result, err := s.Plan(ctx, minute(1), 10)
			if err != nil || result.Jobs != 2 || result.Runs != 1 || !strings.Contains(result.Disabled["bad"], "cannot be read") || len(result.Disabled) != 1 {
				t.Fatalf("Plan: %+v, %v; want one run, and the broken job named", result, err)
			}
			again, err := s.Plan(ctx, minute(1), 10)
			if err != nil || again.Jobs != 0 {
				t.Errorf("Plan again: %+v, %v; want nothing due", again, err)
			}
			page, err := s.Fires(ctx, jobs.FireQuery{Tenant: "acme", JobID: "bad"})
			if err != nil || len(page.Items) != 1 || page.Items[0].Outcome != jobs.FireMissed || !strings.Contains(page.Items[0].Reason, "cannot be read") {
				t.Errorf("Fires: %+v, %v; want one that is missed, with its reason", page.Items, err)
			}

			list, err := s.Jobs(ctx, jobs.JobQuery{Tenant: "acme"})
			if err != nil || len(list.Items) != 2 || list.Total != 2 {
				t.Fatalf("Jobs: %d of %d, %v; want both", len(list.Items), list.Total, err)
			}
			if good := list.Items[1]; good.Broken != "" || good.Name != "Stock good" {
				t.Errorf("the other job is %q, broken %q", good.Name, good.Broken)
			}
			one, err := s.Job(ctx, "acme", jobs.JobRef{Slug: "bad"})
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(list.Items[0], one); d != "" {
				t.Errorf("the broken job, alone and in the list (-list +alone):\n%s", d)
			}
			if !strings.Contains(one.Broken, "the stored definition cannot be read") {
				t.Errorf("Broken is %q", one.Broken)
			}
			want := jobs.Definition{Type: "report", Name: "Stock bad", Data: json.RawMessage(`{}`), Policies: jobs.DefaultPolicies()}
			want.Schedule = jobs.Schedule{Interval: "* * * * *", IntervalType: jobs.IntervalCron}
			want.Policies.Overlap, want.Policies.Priority = jobs.OverlapQueue, 7
			if d := cmp.Diff(want, one.Definition); d != "" {
				t.Errorf("what is left of the definition (-want +got):\n%s", d)
			}
			if one.OwnerID != "mara" || one.Enabled || !one.NextRunAt.IsZero() {
				t.Errorf("the broken job: owner %q, enabled %t, next fire %s", one.OwnerID, one.Enabled, one.NextRunAt)
			}

			var conflict *jobs.ConflictError
			if _, err := s.StartRuns(ctx, minute(2), start("bad")); !errors.As(err, &conflict) || !strings.Contains(conflict.Reason, "cannot be read") {
				t.Errorf("StartRuns: %v, want a conflict with the reason", err)
			}
			if _, err := s.StartRuns(ctx, minute(2), start("good")); err != nil {
				t.Errorf("StartRuns of the other job: %v", err)
			}
			want2 := jobs.ErrConflict
			if name == "a lost row" {
				want2 = jobs.ErrNotFound
			}
			if _, err := s.Definition(ctx, "acme", "bad", 1); !errors.Is(err, want2) {
				t.Errorf("Definition: %v, want %v", err, want2)
			}
			if err := s.SaveJob(ctx, minute(3), one, 1); !errors.Is(err, jobs.ErrConflict) {
				t.Errorf("SaveJob of what was read: %v, want a conflict", err)
			}
			copied := *one
			copied.ID, copied.Slug = "copy", "copy"
			if err := s.InsertJob(ctx, minute(3), &copied); !errors.Is(err, jobs.ErrConflict) {
				t.Errorf("InsertJob of what was read: %v, want a conflict", err)
			}
			one.Broken = ""
			if err := s.SaveJob(ctx, minute(3), one, 1); !errors.Is(err, jobs.ErrConflict) {
				t.Errorf("SaveJob without a new revision: %v, want a conflict", err)
			}
			if err := s.DeleteJob(ctx, minute(3), "acme", "bad", 1, false); err != nil {
				t.Errorf("DeleteJob: %v", err)
			}
		})
	}
}

// claims exchanges once for the worker w and gives the jobs of the claimed runs.
func claims(t *testing.T, s *sqlite.Store, beat int64, now time.Time) (ids []string) {
	t.Helper()
	has := func(_ jobs.DriverKind, id string) bool { return id == "report" }
	r, err := s.Exchange(context.Background(), jobs.ExchangeRequest{Worker: "w", Beat: beat, Now: now, Want: 5, Has: has})
	if err != nil {
		t.Fatalf("exchange %d: %v", beat, err)
	}
	for _, c := range r.Claimed {
		ids = append(ids, string(c.Run.JobID))
	}
	return ids
}

func givenWorker(t *testing.T, s *sqlite.Store) {
	t.Helper()
	if err := s.RegisterWorker(context.Background(), morning, jobs.Worker{ID: "w", Hostname: "h", Concurrency: 9}); err != nil {
		t.Fatal(err)
	}
}

func TestBroken_repair(t *testing.T) {
	ctx := context.Background()
	s, db := newDatabase(t)
	givenPair(t, s)
	if _, err := s.StartRuns(ctx, morning, start("bad")); err != nil {
		t.Fatal(err)
	}
	// The cache has the definition; another process, or the next start, has not.
	s = reopened(t, db)
	change(t, db, faults["a flipped bit"])
	j, err := s.Job(ctx, "acme", jobs.JobRef{ID: "bad"})
	if err != nil || j.Broken == "" {
		t.Fatalf("Job: broken %q, %v", j.Broken, err)
	}
	j.Broken, j.Name, j.Revision, j.Enabled = "", "Stock again", 2, true
	if err := s.SaveJob(ctx, minute(1), j, 1); err != nil {
		t.Fatalf("SaveJob over the broken job: %v", err)
	}
	if j, err = s.Job(ctx, "acme", jobs.JobRef{ID: "bad"}); err != nil || j.Broken != "" || j.Name != "Stock again" {
		t.Errorf("after it: %q, broken %q, %v", j.Name, j.Broken, err)
	}
	givenWorker(t, s)
	if got := claims(t, s, 1, minute(1)); len(got) != 1 || got[0] != "bad" {
		t.Errorf("claimed runs of %v, want the queued run with the new definition", got)
	}
}

// reopened opens another store on the file of db: one that has parsed nothing yet.
func reopened(t *testing.T, db *sql.DB) *sqlite.Store {
	t.Helper()
	var path string
	if err := db.QueryRow("SELECT file FROM pragma_database_list WHERE name = 'main'").Scan(&path); err != nil {
		t.Fatal(err)
	}
	other, err := sqlite.Open(context.Background(), path, sqlite.Options{Synchronous: "NORMAL", MinFreeBytes: -1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := other.Close(); err != nil {
			t.Error(err)
		}
	})
	return other
}

// TestBroken_claim claims beside a queued run that nobody can execute.
func TestBroken_claim(t *testing.T) {
	ctx := context.Background()
	for _, c := range []struct{ name, change, reason string }{
		{"the definition of a queued run", faults["a flipped bit"], "the stored definition cannot be read"},
		{"the revision of a queued run", faults["a lost row"], "the stored definition cannot be read"},
		{"the steps of a run that was given back", `UPDATE runs SET steps = '[{"kind"' WHERE job_id = 'bad' AND blocked = 0`, "the stored steps cannot be read"},
		{"steps that are none", `UPDATE runs SET steps = '[]' WHERE job_id = 'bad' AND blocked = 0`, "the stored steps cannot be read"},
	} {
		t.Run(c.name, func(t *testing.T) {
			first, db := newDatabase(t)
			givenPair(t, first)
			givenWorker(t, first)
			var ids []jobs.RunID
			for _, job := range []jobs.ID{"bad", "good", "bad"} { // the second run of "bad" waits for the first one
				runs, err := first.StartRuns(ctx, morning, start(job))
				if err != nil {
					t.Fatal(err)
				}
				ids = append(ids, runs[0].ID)
			}
			s := reopened(t, db)
			change(t, db, c.change)
			if got := claims(t, s, 1, minute(1)); len(got) != 1 || got[0] != "good" {
				t.Errorf("claimed runs of %v, want good", got)
			}
			run, err := s.Run(ctx, "acme", ids[0])
			if err != nil || run.Status != jobs.RunError || run.Error != c.reason || run.EndedAt.IsZero() {
				t.Errorf("the run: %+v, %v; want it to have ended with %q", run, err, c.reason)
			}
			_, entries, err := s.Events(ctx, "acme", ids[0], 0, 10)
			if err != nil || len(entries) != 1 || entries[0].Message != c.reason || entries[0].Level != jobs.LogError {
				t.Errorf("its log: %v, %v", entries, err)
			}
			waiting, err := s.Run(ctx, "acme", ids[2])
			if err != nil || waiting.Blocked {
				t.Errorf("the run behind it: %+v, %v; want it let go", waiting, err)
			}
			page, err := s.Runs(ctx, jobs.RunQuery{Tenant: "acme"})
			if err != nil || page.Total != 3 {
				t.Errorf("Runs: %d, %v", page.Total, err)
			}
			if err := s.Check(ctx); err != nil && !onlyUnreadable(err) {
				t.Errorf("Check: %v", err)
			}
		})
	}
}

// onlyUnreadable tells whether a check found nothing but the documents that the test has broken.
func onlyUnreadable(err error) bool {
	for _, line := range strings.Split(err.Error(), "\n") {
		if !strings.Contains(line, "can be read") && !strings.Contains(line, "is kept") {
			return false
		}
	}
	return true
}

// TestBroken_held breaks what a worker holds: it can be read, canceled, given back and taken over.
func TestBroken_held(t *testing.T) {
	ctx := context.Background()
	has := func(jobs.DriverKind, string) bool { return true }
	for _, c := range []struct{ name, change, reason string }{
		{"the definition", faults["a flipped bit"], "the stored definition cannot be read"},
		{"the steps", `UPDATE runs SET steps = 'x' WHERE job_id = 'bad'`, "the stored steps cannot be read"},
	} {
		held := func(t *testing.T) (*sqlite.Store, jobs.RunID, jobs.RunID) {
			first, db := newDatabase(t)
			givenPair(t, first)
			givenWorker(t, first)
			var ids []jobs.RunID
			for _, job := range []jobs.ID{"bad", "good"} {
				runs, err := first.StartRuns(ctx, morning, start(job))
				if err != nil {
					t.Fatal(err)
				}
				ids = append(ids, runs[0].ID)
			}
			if got := claims(t, first, 1, minute(1)); len(got) != 2 {
				t.Fatalf("claimed %v", got)
			}
			s := reopened(t, db)
			change(t, db, c.change)
			return s, ids[0], ids[1]
		}
		t.Run(c.name+": reads", func(t *testing.T) {
			s, bad, _ := held(t)
			run, err := s.Run(ctx, "acme", bad)
			if err != nil || run.Status != jobs.RunRunning || len(run.Steps) != 0 {
				t.Errorf("Run: %+v, %v; want a running run without steps", run, err)
			}
			_, list, err := s.HeldRuns(ctx, "w")
			if err != nil || len(list) != 2 {
				t.Fatalf("HeldRuns: %d, %v", len(list), err)
			}
			for _, c := range list {
				step := c.Run.Steps[jobs.CurrentStep(c.Run.Steps)]
				if wantType := map[bool]string{true: "", false: "report"}[c.Run.ID == bad]; step.Type != wantType || c.Definition == nil {
					t.Errorf("the step of job %s has the driver %q, want %q", c.Run.JobID, step.Type, wantType)
				}
			}
			if _, err := s.CancelRun(ctx, minute(2), "acme", bad, "ole"); err != nil {
				t.Errorf("CancelRun: %v", err)
			}
		})
		t.Run(c.name+": a take-over ends the run and puts back the other", func(t *testing.T) {
			s, bad, good := held(t)
			taken, err := s.TakeOver(ctx, minute(2), "w", 1, "worker lost")
			if err != nil || len(taken) != 2 {
				t.Fatalf("TakeOver: %v, %v", taken, err)
			}
			run, err := s.Run(ctx, "acme", bad)
			if err != nil || run.Status != jobs.RunError || run.Error != "worker lost; "+c.reason {
				t.Errorf("the run: %+v, %v", run, err)
			}
			other, err := s.Run(ctx, "acme", good)
			if err != nil || other.Status == jobs.RunRunning {
				t.Errorf("the other run: %+v, %v", other, err)
			}
		})
		t.Run(c.name+": a run that is given back ends with the next claim, and the worker can stop", func(t *testing.T) {
			s, bad, good := held(t)
			var outcomes []jobs.Outcome
			for _, id := range []jobs.RunID{bad, good} {
				outcomes = append(outcomes, jobs.Outcome{RunID: id, Fence: 1, Seq: 1, Requeue: &jobs.Requeue{NotBefore: minute(2)}})
			}
			r, err := s.Exchange(ctx, jobs.ExchangeRequest{Worker: "w", Beat: 2, Now: minute(2), Has: has, Outcomes: outcomes})
			if err != nil || len(r.Fenced) != 0 {
				t.Fatalf("Exchange: %+v, %v", r, err)
			}
			if err := s.StopWorker(ctx, minute(2), "w"); err != nil {
				t.Errorf("StopWorker: %v", err)
			}
			if err := s.RegisterWorker(ctx, minute(2), jobs.Worker{ID: "w2", Hostname: "h", Concurrency: 9}); err != nil {
				t.Fatal(err)
			}
			r, err = s.Exchange(ctx, jobs.ExchangeRequest{Worker: "w2", Beat: 1, Now: minute(3), Has: has, Want: 5})
			if err != nil || len(r.Claimed) != 1 || r.Claimed[0].Run.ID != good {
				t.Fatalf("the next claim: %+v, %v; want the other run", r, err)
			}
			run, err := s.Run(ctx, "acme", bad)
			if err != nil || run.Status != jobs.RunError || run.Error != c.reason {
				t.Errorf("the run: %+v, %v", run, err)
			}
		})
	}
}

// TestBroken_drivers breaks the list of drivers that jobs need: exchanges go on, and any worker may take the run.
func TestBroken_drivers(t *testing.T) {
	for _, text := range []string{`["job:rep`, `["jab:report"]`} {
		s, db := newDatabase(t)
		givenPair(t, s)
		givenWorker(t, s)
		if _, err := s.StartRuns(context.Background(), morning, start("good")); err != nil {
			t.Fatal(err)
		}
		change(t, db, `UPDATE driver_sets SET drivers = '`+text+`'`, `UPDATE job_workers SET job_types = '['`)
		if got := claims(t, s, 1, minute(1)); len(got) != 1 {
			t.Errorf("drivers %s: claimed %v, want the run", text, got)
		}
		if page, err := s.Workers(context.Background(), jobs.WorkerQuery{Tenant: "acme"}); err != nil || page.Total != 1 {
			t.Errorf("Workers: %d, %v", page.Total, err)
		}
	}
}

//go:build unix

package sqlite_test

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/carillon-go/carillon/jobs"
	"github.com/carillon-go/carillon/storage/sqlite"
)

const crashPath = "CARILLON_TEST_CRASH_PATH"

// TestMain lets the test binary play the process that is killed.
func TestMain(m *testing.M) {
	if path := os.Getenv(crashPath); path != "" {
		if err := crashWork(path); err != nil {
			fmt.Println("failed:", err)
			os.Exit(1)
		}
	}
	os.Exit(m.Run())
}

// crashWork starts, claims and ends runs until it is killed, and prints what was answered.
func crashWork(path string) error {
	ctx := context.Background()
	s, err := sqlite.Open(ctx, path, sqlite.Options{Synchronous: "NORMAL", MinFreeBytes: -1})
	if err != nil {
		return err
	}
	page, err := s.Jobs(ctx, jobs.JobQuery{Tenant: "acme"})
	if err != nil {
		return err
	}
	worker := jobs.WorkerID(jobs.NewUUID())
	if err := s.RegisterWorker(ctx, morning, jobs.Worker{ID: worker, Hostname: "child"}); err != nil {
		return err
	}
	fmt.Println("worker", worker)
	var outcomes []jobs.Outcome
	for beat := int64(1); ; beat++ {
		runs, err := s.StartRuns(ctx, morning, jobs.Start{
			Tenant: "acme", JobID: page.Items[0].ID, Trigger: jobs.TriggerManual, Params: one,
		})
		if err != nil {
			return err
		}
		fmt.Println("queued", runs[0].ID)
		r, err := s.Exchange(ctx, jobs.ExchangeRequest{Worker: worker, Beat: beat, Now: morning, Outcomes: outcomes, Want: 2, Has: hasAll})
		if err != nil {
			return err
		}
		for _, o := range outcomes {
			fmt.Println("ended", o.RunID)
		}
		outcomes = outcomes[:0]
		for _, c := range r.Claimed {
			c.Run.Steps[0].State = jobs.StepSuccess
			outcomes = append(outcomes, jobs.Outcome{
				RunID: c.Run.ID, Fence: c.Run.Fence, Steps: c.Run.Steps, End: &jobs.RunEnd{Status: jobs.RunSuccess, At: morning},
			})
		}
	}
}

// TestStore_killed kills a process that writes, at some moment, and looks whether all that it was answered is there (P1), whether
// what is stored agrees with itself, and whether its death is seen at once (R7).
func TestStore_killed(t *testing.T) {
	ctx := context.Background()
	path := filepath.Join(t.TempDir(), "jobs.db")
	s := openAt(t, path)
	j := queueJob("stock")
	if err := s.InsertJob(ctx, morning, j); err != nil {
		t.Fatal(err)
	}
	said := map[string]jobs.RunStatus{}
	for round := range 5 {
		worker := killedChild(t, path, 20+37*round, said)
		for id, status := range said {
			run, err := s.Run(ctx, "acme", jobs.RunID(id))
			if err != nil {
				t.Fatalf("round %d: run %s, which was %s: %v", round, id, status, err)
			}
			if status.Terminal() && run.Status != status {
				t.Errorf("round %d: run %s is %s, its end as %s was answered", round, id, run.Status, status)
			}
		}
		beats, err := s.Beats(ctx)
		if err != nil || len(beats) != 1 || beats[0].ID != worker || !beats[0].Dead {
			t.Fatalf("round %d: Beats %v, %v; want the killed worker %s, dead", round, beats, err, worker)
		}
		if _, err := s.TakeOver(ctx, morning, worker, beats[0].Beat, "worker lost"); err != nil {
			t.Fatal(err)
		}
		if err := s.Check(ctx); err != nil {
			t.Errorf("round %d: %v", round, err)
		}
	}
}

// killedChild runs a child until it has said that many lines, kills it, and notes what it had said.
func killedChild(t *testing.T, path string, lines int, said map[string]jobs.RunStatus) (worker jobs.WorkerID) {
	t.Helper()
	child := exec.Command(os.Args[0])
	child.Env = append(os.Environ(), crashPath+"="+path)
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	in := bufio.NewScanner(out)
	for n := 0; in.Scan(); n++ { // to the end of what was in the pipe when it was killed
		if n == lines {
			if err := child.Process.Kill(); err != nil {
				t.Fatal(err)
			}
		}
		what, id, _ := strings.Cut(in.Text(), " ")
		switch what {
		case "worker":
			worker = jobs.WorkerID(id)
		case "queued":
			said[id] = jobs.RunQueued
		case "ended":
			said[id] = jobs.RunSuccess
		case "failed:":
			t.Fatal(in.Text())
		}
	}
	if err := child.Wait(); err == nil || !strings.Contains(err.Error(), "killed") {
		t.Fatalf("the child ended with %v, want killed", err)
	}
	return worker
}

//go:build unix

package chaos_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/carillon-go/carillon/jobs"
	"github.com/carillon-go/carillon/storage/postgres/postgrestest"
)

// TestChaos_immediate_restarts crashes the server of two nodes five times while they work and take starts.
func TestChaos_immediate_restarts(t *testing.T) {
	needWhole(t)
	t.Parallel()
	const restarts = 5
	begin(t, rowRestart, restarts, checkAll)
	s := postgrestest.Own(t)
	w := newWorld(t, database(s.DSN("postgres")))
	for range 3 {
		w.newJob("1 second")
	}
	byHand := w.newJob("")
	nodes := []*nodeProcess{w.start(nodeConfig{}), w.start(nodeConfig{})}
	for i := range restarts {
		w.out.more(t, 3)
		s.Crash()
		s.Restart()
		w.ended(w.run(nodes[i%2], byHand))
	}
	w.jobs = slices.DeleteFunc(w.jobs, func(id jobs.ID) bool { return id == byHand })
	w.moves(1)
	w.jobs = append(w.jobs, byHand)
	w.over(nodes...)
}

// TestChaos_terminated_sessions ends all sessions of two nodes again and again.
func TestChaos_terminated_sessions(t *testing.T) {
	needWhole(t)
	t.Parallel()
	const rounds = 20
	begin(t, rowTerminate, rounds, checkAll)
	s := postgrestest.Own(t)
	w := newWorld(t, database(s.DSN("postgres")))
	for range 6 {
		w.newJob("1 second")
	}
	nodes := []*nodeProcess{w.start(nodeConfig{}), w.start(nodeConfig{})}
	for range rounds {
		w.out.more(t, 2)
		s.Execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()")
	}
	w.moves(1)
	w.over(nodes...)
}

// TestChaos_lost_commit_answers: the server has committed, and the node is not told (R3, R4).
func TestChaos_lost_commit_answers(t *testing.T) {
	needWhole(t)
	t.Parallel()
	const rounds = 20
	begin(t, rowAnswer, rounds, checkAll)
	s := postgrestest.Own(t)
	w := newWorld(t, database(s.DSN("postgres")))
	p := newProxy(t, s.Socket())
	for range 6 {
		w.newJob("1 second")
	}
	n := w.start(nodeConfig{Database: p.dsn("postgres")})
	for i := range rounds {
		p.change(func() { p.armed, p.skip = 1, i%6 }) // of a plan, a claim, a step, an end
		w.eventually("an answer is lost", func(context.Context) (bool, error) { return p.read(&p.lost) > i, nil })
		w.out.more(t, 1)
	}
	w.moves(1)
	w.over(n)
}

// TestChaos_promoted_replica: the primary dies with commits that its replica does not have. What was lost may be done again; no worker of before is known as what it was, and everything that the replica has comes to its end.
func TestChaos_promoted_replica(t *testing.T) {
	needWhole(t)
	t.Parallel()
	begin(t, rowPromote, 1, "the store's own check; every run that is stored has ended; workers have new ids; the schedules go on")
	s := postgrestest.Own(t)
	p := newProxy(t, s.Socket())
	w := newWorld(t, p.dsn("postgres"))
	for range 3 {
		w.newJob("1 second")
	}
	byHand := w.newJob("")
	nodes := []*nodeProcess{w.start(nodeConfig{}), w.start(nodeConfig{})}
	w.ended(w.run(nodes[0], byHand))
	replica := s.Replica()
	w.out.more(t, 3)
	replica.CutOff()
	lost := w.run(nodes[1], byHand)
	w.ended(lost)
	w.out.more(t, 6)
	before, err := w.live(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	s.Crash()
	replica.Promote()
	p.change(func() { p.server = replica.Socket() })
	w.forgets = true
	w.eventually("both nodes have new ids", func(ctx context.Context) (bool, error) {
		now, err := w.live(ctx)
		return len(now) == 2 && !slices.ContainsFunc(now, func(id jobs.WorkerID) bool { return slices.Contains(before, id) }), err
	})
	scheduled := w.jobs[:3]
	w.jobs = scheduled
	w.moves(1)
	w.jobs = append(w.jobs, byHand)
	w.over(nodes...)
	if slices.ContainsFunc(w.history(byHand), func(run *jobs.Run) bool { return run.ID == lost }) {
		t.Errorf("the run %s was committed after the replica was cut off: it did not lag", lost)
	}
	list, _ := w.out.all()
	runs := map[jobs.ID]map[time.Time]map[jobs.RunID]bool{}
	again := 0
	for _, a := range list {
		step := "driver"
		if a.Action != "" {
			step = string(a.Action)
		}
		if a.Key != jobs.EffectKey(a.Run, step) {
			t.Errorf("an attempt under another key: %+v", a)
		}
		if a.FireAt.IsZero() {
			continue
		}
		if runs[a.Job] == nil {
			runs[a.Job] = map[time.Time]map[jobs.RunID]bool{}
		}
		if runs[a.Job][a.FireAt] == nil {
			runs[a.Job][a.FireAt] = map[jobs.RunID]bool{}
		}
		if runs[a.Job][a.FireAt][a.Run] = true; len(runs[a.Job][a.FireAt]) == 2 {
			again++
		}
	}
	note(rowPromote, "with the primary went 1 acknowledged run; %d fires that had run became new runs, under other keys: no engine can know what its database has forgotten", again)
}

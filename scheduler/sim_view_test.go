package scheduler_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/carillon-go/carillon/jobs"
)

// view is what the simulation knows of the store after its last change, and of what drivers did.
type view struct {
	s *simulation
	// runs are the live ones, ended the others as they ended.
	runs       map[jobs.RunID]*jobs.Run
	ended      map[jobs.RunID]*jobs.Run
	endedCount int
	lastEnded  *jobs.Run
	names      map[jobs.RunID]string
	promised   map[jobs.RunID]jobs.TenantID
	jobs       map[jobs.ID]knownJob
	workers    map[jobs.WorkerID]knownWorker
	// steps is what drivers did for each step, acts their calls that go on.
	steps map[string]doneStep
	keys  map[string]string
	acts  []*act
	// late has the attempts that were started after a cancel had been committed.
	late     map[string]bool
	progress time.Time
	restored int
}

type knownJob struct {
	tenant jobs.TenantID
	// most is the most runs that were ever allowed at once; edited: its schedule was changed.
	most   int
	edited bool
	first  *jobs.Job
}

type knownWorker struct {
	node   *node
	beatAt time.Time
	// lockFree: everybody can see that its process is gone.
	lockFree bool
}

type doneStep struct {
	key   string
	begun int
}

func newView(s *simulation) *view {
	return &view{
		s: s, runs: map[jobs.RunID]*jobs.Run{}, ended: map[jobs.RunID]*jobs.Run{}, names: map[jobs.RunID]string{},
		promised: map[jobs.RunID]jobs.TenantID{}, jobs: map[jobs.ID]knownJob{}, workers: map[jobs.WorkerID]knownWorker{},
		steps: map[string]doneStep{}, keys: map[string]string{}, late: map[string]bool{},
	}
}

func (v *view) clone() *view {
	c := *v
	c.runs, c.ended, c.promised = maps.Clone(v.runs), maps.Clone(v.ended), maps.Clone(v.promised)
	c.jobs, c.workers, c.steps, c.keys, c.late = maps.Clone(v.jobs), maps.Clone(v.workers), maps.Clone(v.steps), maps.Clone(v.keys), maps.Clone(v.late)
	c.names, c.acts = maps.Clone(v.names), nil
	return &c
}

func (s *simulation) runName(id jobs.RunID) string {
	if name := s.view.names[id]; name != "" {
		return name
	}
	return "run ?"
}

func (s *simulation) jobName(id jobs.ID) string {
	return "job " + strings.TrimLeft(string(id[24:]), "0")
}

func (s *simulation) stepName(_ jobs.ID, step string) string {
	if step == "driver" {
		return step
	}
	return "action " + strings.TrimLeft(step[30:], "0")
}

func (s *simulation) workerName(id jobs.WorkerID) string {
	if w, ok := s.view.workers[id]; ok {
		return fmt.Sprintf("%s.%d", w.node.name, w.node.life)
	}
	return "unknown"
}

func (s *simulation) lockIsFree(id jobs.WorkerID) bool { return s.view.workers[id].lockFree }

// gone notes that the process of a node is gone.
func (v *view) gone(n *node, lockFree bool) {
	for id, w := range v.workers {
		if w.node == n {
			w.lockFree = lockFree
			v.workers[id] = w
		}
	}
}

func (v *view) knows(j *jobs.Job, edited bool) {
	k := v.jobs[j.ID]
	k.tenant, k.edited = j.Tenant, k.edited || edited
	k.most = max(k.most, 1)
	if j.Policies.Overlap == jobs.OverlapAllow {
		k.most = max(k.most, j.Policies.MaxConcurrent)
	}
	if !edited {
		first := *j
		k.first = &first
	}
	v.jobs[j.ID] = k
}

// promise notes a run that a client was told to be queued (P1).
func (v *view) promise(id jobs.RunID, t jobs.TenantID) { v.promised[id] = t }

func (v *view) liveIDs() []jobs.RunID {
	return slices.Sorted(maps.Keys(v.runs))
}

func (v *view) live() string {
	var b strings.Builder
	for _, id := range v.liveIDs() {
		r := v.runs[id]
		fmt.Fprintf(&b, " [%s of %s: %s at %s (%s), not before %s, blocked %t]", v.names[id], v.s.jobName(r.JobID), r.Status, v.s.workerName(r.WorkerID),
			stepsOf(r), r.NotBefore.Format(time.TimeOnly), r.Blocked)
	}
	return b.String()
}

// movesUntil is until when something moves by itself.
func (v *view) movesUntil() time.Time {
	until := v.progress
	for _, r := range v.runs {
		if r.Status == jobs.RunQueued && !r.Blocked {
			until = later(until, r.NotBefore)
		}
	}
	for _, g := range v.s.list(v.s.gateName) {
		until = later(until, g.notBefore)
	}
	return until
}

// refresh reads what is live, and checks the change that a call has made.
func (v *view) refresh(g *gate) error {
	switch {
	case g.exchange != nil && g.err == nil && g.result != nil:
		w := v.workers[g.exchange.Worker]
		w.beatAt = time.Now()
		v.workers[g.exchange.Worker] = w
		if len(g.exchange.Outcomes)+len(g.result.Claimed) == 0 {
			return nil
		}
	case g.kind == "register":
		v.workers[g.node.worker] = knownWorker{node: g.node, beatAt: time.Now()}
		return nil
	case g.kind == "take over" && g.err == nil:
		if err := v.takenOver(g); err != nil {
			return err
		}
	}
	seen := map[jobs.RunID]bool{}
	for _, t := range simTenants {
		page, err := v.s.store.Runs(context.Background(), jobs.RunQuery{Tenant: t, Statuses: []jobs.RunStatus{jobs.RunQueued, jobs.RunRunning}})
		if err != nil {
			return err
		}
		slices.SortFunc(page.Items, func(a, b *jobs.Run) int { return strings.Compare(string(a.ID), string(b.ID)) })
		for _, r := range page.Items {
			seen[r.ID] = true
			if err := v.see(g, r); err != nil {
				return err
			}
		}
	}
	for _, id := range v.liveIDs() {
		if seen[id] {
			continue
		}
		r, err := v.s.store.Run(context.Background(), v.runs[id].Tenant, id)
		if err != nil {
			return fmt.Errorf("P1: %s is gone: %w", v.names[id], err)
		}
		if err := v.see(g, r); err != nil {
			return err
		}
	}
	return v.checkLive(g)
}

// see takes in how a run is now.
func (v *view) see(g *gate, r *jobs.Run) error {
	before := v.runs[r.ID]
	if v.ended[r.ID] != nil {
		return fmt.Errorf("I4: %s had ended and is %s", v.names[r.ID], r.Status)
	}
	if v.names[r.ID] == "" {
		v.names[r.ID] = fmt.Sprint("run ", len(v.names)+1)
	}
	if before != nil && same(before, r) {
		return nil
	}
	v.progress = time.Now()
	from := "nothing"
	if before != nil {
		from = string(before.Status)
	}
	v.s.note("    %s of %s: %s to %s at %s, fence %d, blocked %t, cancel %t: %s", v.names[r.ID], v.s.jobName(r.JobID), from, r.Status,
		v.s.workerName(r.WorkerID), r.Fence, r.Blocked, r.CancelRequested, stepsOf(r))
	if r.Status.Terminal() {
		delete(v.runs, r.ID)
		v.ended[r.ID], v.lastEnded = r, r
		v.endedCount++
	} else {
		v.runs[r.ID] = r
	}
	if before == nil {
		return nil
	}
	return errors.Join(v.checkWriter(g, before, r), v.checkSteps(before, r))
}

func same(a, b *jobs.Run) bool {
	return a.Status == b.Status && a.Fence == b.Fence && a.WorkerID == b.WorkerID && a.Seq == b.Seq && a.Blocked == b.Blocked &&
		a.CancelRequested == b.CancelRequested && stepsOf(a) == stepsOf(b)
}

func stepKey(id jobs.RunID, step string) string { return string(id) + "/" + step }

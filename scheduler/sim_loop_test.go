package scheduler_test

import (
	"context"
	"crypto/sha256"
	"fmt"
	"hash"
	"io"
	"log/slog"
	"math/rand/v2"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/carillon-go/carillon/jobs"
	"github.com/carillon-go/carillon/scheduler"
	"github.com/carillon-go/carillon/storage/sqlite"
)

// simulation is one seed: nodes on one store, and the loop that decides what happens next.
type simulation struct {
	turnstile
	t    *testing.T
	plan simPlan
	path string

	store *sqlite.Store
	hints [3]hints
	nodes []*node
	// ghosts are killed processes, whose engines may not have noticed yet.
	ghosts []*node

	turn   int // of the loop; chance depends on seed and turn alone
	events int
	// calm: no more faults, no more orders; what is there has to come to its end.
	calm      bool
	skew      time.Duration
	rate      int // of faults: one call in so many
	fullUntil time.Time
	backup    *olderCopy

	view     *view
	operator operator

	trace  hash.Hash
	recent []string
	faults []int // turns in which something was done to a node or the store
	err    error
}

// simPlan is what a simulation is made of.
type simPlan struct {
	seed   uint64
	events int
	// broken is a rule that the engines break.
	broken string
	// spare are the turns whose faults are left out.
	spare map[int]bool
}

// hints are those of the store for one topic.
type hints struct {
	topic jobs.Topic
	wake  <-chan struct{}
	stop  func()
}

// outcome is what came of a simulation.
type simOutcome struct {
	err    error
	hash   string
	faults []int
	recent []string
	events int
	ended  int
}

const simNodes = 3

// simulate runs one seed in a bubble of its own.
func simulate(t *testing.T, p simPlan, path string) (out simOutcome) {
	t.Helper()
	defer scheduler.SpreadEvenly()()
	synctest.Test(t, func(t *testing.T) {
		s := &simulation{t: t, plan: p, path: path, trace: sha256.New()}
		s.arrived = make(chan struct{}, 1)
		s.view, s.operator = newView(s), operator{s: s}
		s.rate = []int{1 << 30, 100, 30, 12}[p.seed%4]
		s.open()
		s.operator.begin()
		s.nodes = make([]*node, simNodes)
		for i := range s.nodes {
			s.start(i)
		}
		s.run()
		s.end()
		out = simOutcome{s.err, fmt.Sprintf("%x", s.trace.Sum(nil)[:8]), s.faults, s.recent, s.events, s.view.endedCount}
	})
	return out
}

func (s *simulation) run() {
	for s.err == nil && s.events < s.plan.events {
		s.next(s.chance())
	}
	s.settle()
}

// chance is that of one turn, whatever happened before.
func (s *simulation) chance() *rand.Rand {
	s.turn++
	return rand.New(rand.NewPCG(s.plan.seed, uint64(s.turn)))
}

// next lets one thing happen.
func (s *simulation) next(rng *rand.Rand) {
	s.look()
	if s.err != nil {
		return
	}
	if !s.calm && rng.IntN(12) == 0 {
		s.operator.act(rng)
		return
	}
	ready := s.ready()
	if len(ready) == 0 || rng.IntN(25) == 0 {
		s.letTimePass(time.Duration(1+rng.IntN(3000)) * time.Millisecond)
		return
	}
	s.decide(rng, ready[rng.IntN(len(ready))])
}

// look takes in what has happened: everything is at rest.
func (s *simulation) look() {
	synctest.Wait()
	s.passHints()
	for _, g := range s.takeFresh() {
		if g.kind == "begin" {
			s.fault(s.view.arrived(g.act))
		}
	}
	for i := range s.nodes {
		s.revive(i)
	}
}

// ready are the gates that may pass now.
func (s *simulation) ready() []*gate {
	now := time.Now()
	var ready []*gate
	for _, g := range s.list(s.gateName) {
		if !g.notBefore.After(now) && !g.node.pausedUntil.After(now) {
			ready = append(ready, g)
		}
	}
	return ready
}

func (s *simulation) gateName(g *gate) string {
	detail := g.detail
	if g.act != nil {
		detail = g.act.name(s)
	}
	return fmt.Sprintf("%s.%d %s %s", g.node.name, g.node.life, g.kind, detail)
}

// letTimePass waits until something arrives, becomes ready, or d is over.
func (s *simulation) letTimePass(d time.Duration) {
	select {
	case <-s.arrived:
	default:
	}
	now := time.Now()
	until := now.Add(d)
	sooner := func(at time.Time) {
		if at.After(now) && at.Before(until) {
			until = at
		}
	}
	for _, n := range s.nodes {
		sooner(n.pausedUntil)
		sooner(n.startAt)
	}
	for _, g := range s.list(s.gateName) {
		sooner(g.notBefore)
	}
	timer := time.NewTimer(until.Sub(now))
	defer timer.Stop()
	select {
	case <-s.arrived:
	case <-timer.C:
	}
}

// open opens the store and watches it.
func (s *simulation) open() {
	store, err := sqlite.Open(context.Background(), s.path, sqlite.Options{
		Synchronous: "NORMAL", MinFreeBytes: -1, Logger: slog.New(slog.NewTextHandler(io.Discard, nil)),
	})
	if err != nil {
		s.t.Fatal("open:", err)
	}
	warm(store)
	s.store = store
	for i, topic := range []jobs.Topic{jobs.TopicPlan, jobs.TopicQueue, jobs.TopicWorker} {
		wake, stop := store.Watch(topic, "")
		s.hints[i] = hints{topic, wake, stop}
	}
}

func (s *simulation) shut() {
	for _, h := range s.hints {
		h.stop()
	}
	if err := s.store.Close(); err != nil {
		s.t.Fatal("close:", err)
	}
}

// passHints puts a gate before every node that the store wants to wake.
func (s *simulation) passHints() {
	for _, h := range s.hints {
		select {
		case <-h.wake:
		default:
			continue
		}
		s.mu.Lock()
		for _, n := range s.nodes {
			for _, w := range n.watches {
				if w.topics&h.topic != 0 && !n.dead && len(w.wake) == 0 {
					s.waiting = append(s.waiting, &gate{node: n, kind: "hint", detail: fmt.Sprint(h.topic), hint: w.wake, release: make(chan verdict, 1)})
				}
			}
		}
		s.mu.Unlock()
	}
}

func (s *simulation) now() time.Time { return now().Add(s.skew) }

// note adds a line to the trace.
func (s *simulation) note(format string, args ...any) {
	line := fmt.Sprintf("%5d %s ", s.turn, time.Now().UTC().Format("02T15:04:05.000")) + fmt.Sprintf(format, args...)
	fmt.Fprintln(s.trace, line)
	s.recent = append(s.recent, line)
	if len(s.recent) > 2000 {
		s.recent = s.recent[1000:]
	}
}

func (s *simulation) fault(err error) {
	if err != nil && s.err == nil {
		s.err = fmt.Errorf("turn %d: %w", s.turn, err)
	}
}

// start starts the engine of a node, as a new process.
func (s *simulation) start(i int) {
	life := 1
	if old := s.nodes[i]; old != nil {
		life = old.life + 1
	}
	n := &node{sim: s, name: string(rune('a' + i)), life: life, done: make(chan struct{})}
	engine, err := scheduler.New(n, n.drivers(), scheduler.Options{
		Concurrency: 3, Grace: 20 * time.Second, Hostname: n.name, Logger: slog.New(slog.NewTextHandler(io.Discard, nil)),
	})
	if err != nil {
		s.t.Fatal(err)
	}
	engine.Simulate(n.rest, s.plan.broken)
	engine.Skew(s.skew)
	ctx, cancel := context.WithCancel(context.Background())
	n.engine, n.cancel = engine, cancel
	s.nodes[i] = n
	s.note("%s is started", n.name)
	go func() {
		defer close(n.done)
		_ = engine.Run(ctx) // what is left to others is part of the simulation
	}()
	synctest.Wait()
}

// revive starts a node again whose engine has ended in order, or that was killed when its time has come.
func (s *simulation) revive(i int) {
	n := s.nodes[i]
	if n.dead {
		if !n.startAt.After(time.Now()) {
			s.start(i)
		}
		return
	}
	if !n.draining {
		return
	}
	select {
	case <-n.done:
		s.view.gone(n, true)
		s.note("%s has stopped", n.name)
		s.start(i)
	default:
	}
}

// kill ends a process. What its engine still does has no effect; it is left to come to its end by itself.
func (s *simulation) kill(n *node, again time.Duration, lockFree bool) {
	s.ghosts = append(s.ghosts, n)
	s.mu.Lock()
	n.dead = true
	s.letGo(func(g *gate) bool { return g.node == n })
	s.mu.Unlock()
	s.view.gone(n, lockFree)
	n.cancel()
	n.startAt = time.Now().Add(again)
}

// letGo tells gates that their process is gone.
func (t *turnstile) letGo(which func(*gate) bool) {
	t.waiting = slices.DeleteFunc(t.waiting, func(g *gate) bool {
		if which(g) {
			g.release <- dead
			return true
		}
		return false
	})
}

// end lets all engines come to their end.
func (s *simulation) end() {
	for _, n := range s.nodes {
		if !n.dead {
			s.kill(n, 0, false)
		}
	}
	s.mu.Lock()
	s.letGo(func(*gate) bool { return true }) // drivers that did not stop
	s.mu.Unlock()
	for _, n := range s.ghosts {
		<-n.done
	}
	s.shut()
}

package scheduler_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/carillon-go/carillon/jobs"
	"github.com/carillon-go/carillon/scheduler"
)

// verdict is what the seed decides about a call that waits.
type verdict int

const (
	pass verdict = iota
	failBefore
	// failAfter: the call is applied and its answer lost.
	failAfter
	// dead: the process is gone; nothing that it does has an effect any more.
	dead
	// deadAfter: the call is applied, and the process killed before the answer.
	deadAfter
)

// gate is a call that waits at the turnstile, or a hint that may wake a node.
type gate struct {
	node *node
	kind string
	// writes: the call may change the store. detail tells calls of one kind and node apart.
	writes bool
	detail string
	// notBefore is when it may pass at the earliest.
	notBefore time.Time
	release   chan verdict

	hint chan<- struct{} // of a gate of kind "hint"
	// exchange, result and other are what the call asks and gets: of an exchange, and of a take-over.
	exchange *jobs.ExchangeRequest
	result   *jobs.ExchangeResult
	other    jobs.WorkerID
	taken    []jobs.RunID
	err      error
	act      *act
}

// turnstile lets one call pass at a time.
type turnstile struct {
	mu      sync.Mutex // guards waiting and the dead flag of nodes
	waiting []*gate
	// fresh are those that the simulation has not looked at yet.
	fresh   []*gate
	arrived chan struct{}
}

// enter waits until the seed lets the call pass.
func (t *turnstile) enter(g *gate) verdict {
	if !t.join(g) {
		return dead
	}
	return <-g.release
}

// join puts a gate among those that wait for their release; false if the process was killed.
func (t *turnstile) join(g *gate) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if g.node.dead {
		return false
	}
	g.release = make(chan verdict, 1)
	t.waiting, t.fresh = append(t.waiting, g), append(t.fresh, g)
	select {
	case t.arrived <- struct{}{}:
	default: // one signal is enough
	}
	return true
}

// leave takes a gate away that is not waited for any more; false if it was released already.
func (t *turnstile) leave(g *gate) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	i := slices.Index(t.waiting, g)
	if i >= 0 {
		t.waiting = slices.Delete(t.waiting, i, i+1)
	}
	return i >= 0
}

// list gives the waiting gates in an order that depends on the seed alone.
func (t *turnstile) list(name func(*gate) string) []*gate {
	t.mu.Lock()
	list := slices.Clone(t.waiting)
	t.mu.Unlock()
	slices.SortFunc(list, func(a, b *gate) int { return strings.Compare(name(a), name(b)) })
	return list
}

func (t *turnstile) takeFresh() []*gate {
	t.mu.Lock()
	defer t.mu.Unlock()
	fresh := t.fresh
	t.fresh = nil
	return fresh
}

// node is one process: an engine that is started, and killed. It is what its engine knows as its store.
type node struct {
	scheduler.Store // nil: what is not written here is not called
	sim             *simulation
	name            string
	life            int
	cancel          context.CancelFunc
	done            chan struct{}
	engine          *scheduler.Scheduler
	worker          jobs.WorkerID // the newest of its engine

	dead bool // guarded by the turnstile
	// The fields below belong to the loop of the simulation.
	// pausedUntil: nothing of the process goes on; cutUntil: the store cannot be reached.
	pausedUntil, cutUntil time.Time
	// uneasy is until when the node may have missed the time: it was paused.
	uneasy   time.Time
	draining bool
	startAt  time.Time
	watches  []watch
}

type watch struct {
	topics jobs.Topic
	wake   chan struct{}
}

var errCut = &jobs.UnavailableError{Reason: "the simulation cut the connection"}

func (n *node) call(g *gate, do func() error) error {
	g.node = n
	switch n.sim.enter(g) {
	case pass:
		g.err = do()
		return g.err
	case failBefore:
		g.err = errCut
	case failAfter, deadAfter:
		g.err = do()
		return errCut
	case dead:
	}
	return errCut
}

func (n *node) RegisterWorker(ctx context.Context, now time.Time, w jobs.Worker) error {
	return n.call(&gate{kind: "register", writes: true}, func() error {
		n.worker = w.ID
		return n.sim.store.RegisterWorker(context.WithoutCancel(ctx), now, w)
	})
}

func (n *node) Exchange(ctx context.Context, r jobs.ExchangeRequest) (*jobs.ExchangeResult, error) {
	g := &gate{kind: "exchange", writes: true, exchange: &r, detail: fmt.Sprintf("beat %d, %d outcomes, want %d", r.Beat, len(r.Outcomes), r.Want)}
	err := n.call(g, func() (err error) {
		g.result, err = n.sim.exchange(context.WithoutCancel(ctx), r)
		return err
	})
	if err != nil {
		return nil, err
	}
	return g.result, nil
}

func (n *node) HeldRuns(ctx context.Context, id jobs.WorkerID) (w jobs.Worker, held []jobs.Claim, err error) {
	err = n.call(&gate{kind: "held runs"}, func() (err error) {
		w, held, err = n.sim.store.HeldRuns(context.WithoutCancel(ctx), id)
		return err
	})
	return w, held, err
}

func (n *node) Beats(ctx context.Context) (beats []jobs.WorkerBeat, err error) {
	err = n.call(&gate{kind: "beats"}, func() (err error) {
		beats, err = n.sim.store.Beats(context.WithoutCancel(ctx))
		for i := range beats {
			beats[i].Dead = n.sim.lockIsFree(beats[i].ID)
		}
		slices.SortFunc(beats, func(a, b jobs.WorkerBeat) int { return strings.Compare(string(a.ID), string(b.ID)) })
		return err
	})
	return beats, err
}

func (n *node) TakeOver(ctx context.Context, now time.Time, id jobs.WorkerID, seen int64, reason string) (runs []jobs.RunID, err error) {
	g := &gate{kind: "take over", writes: true, other: id}
	err = n.call(g, func() (err error) {
		runs, err = n.sim.store.TakeOver(context.WithoutCancel(ctx), now, id, seen, reason)
		g.taken = runs
		return err
	})
	return runs, err
}

func (n *node) StopWorker(ctx context.Context, now time.Time, id jobs.WorkerID) error {
	return n.call(&gate{kind: "stop", writes: true}, func() error {
		return n.sim.store.StopWorker(context.WithoutCancel(ctx), now, id)
	})
}

func (n *node) SteerWorker(ctx context.Context, id jobs.WorkerID, status jobs.WorkerStatus, concurrency int) error {
	return n.call(&gate{kind: "steer", writes: true}, func() error {
		return n.sim.store.SteerWorker(context.WithoutCancel(ctx), id, status, concurrency)
	})
}

func (n *node) Plan(ctx context.Context, now time.Time, limit int) (p jobs.PlanResult, err error) {
	err = n.call(&gate{kind: "plan", writes: true}, func() (err error) {
		p, err = n.sim.store.Plan(context.WithoutCancel(ctx), now, limit)
		return err
	})
	return p, err
}

func (n *node) NextDue(ctx context.Context) (at time.Time, err error) {
	err = n.call(&gate{kind: "next due"}, func() (err error) {
		at, err = n.sim.store.NextDue(context.WithoutCancel(ctx))
		return err
	})
	return at, err
}

func (n *node) Prune(ctx context.Context, now time.Time, keep jobs.Retention, limit int) (removed int, err error) {
	err = n.call(&gate{kind: "prune", writes: true}, func() (err error) {
		removed, err = n.sim.store.Prune(context.WithoutCancel(ctx), now, keep, limit)
		return err
	})
	return removed, err
}

// Watch gives a channel on which the simulation lets hints through, late or not at all.
func (n *node) Watch(topics jobs.Topic, _ jobs.RunID) (<-chan struct{}, func()) {
	wake := make(chan struct{}, 1)
	n.sim.mu.Lock()
	defer n.sim.mu.Unlock()
	n.watches = append(n.watches, watch{topics, wake})
	return wake, func() {
		n.sim.mu.Lock()
		defer n.sim.mu.Unlock()
		n.watches = slices.DeleteFunc(n.watches, func(w watch) bool { return w.wake == wake })
	}
}

// rest is where an engine waits before it composes an exchange, so that all others have come to rest.
func (n *node) rest() { n.sim.enter(&gate{node: n, kind: "compose"}) }

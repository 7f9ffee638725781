//go:build unix

package chaos_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/carillon-go/carillon/jobs"
)

// scenes bring a node to its point, where it dies.
var scenes = map[string]func(w *world, id jobs.ID, p point){
	"T1": justRun, "T3": justRun, "T4": justRun, "T5": justRun,
	"T2": sceneStart, "T6": sceneCancel, "T7": sceneTakeOver, "T8": sceneEdit, "T9": scenePrune,
}

// TestChaos_kill_at_each_transaction kills a node before and after each transaction of the paper (reliability section 4).
func TestChaos_kill_at_each_transaction(t *testing.T) {
	t.Parallel()
	for _, k := range both {
		for tx, scene := range scenes {
			for _, after := range []bool{false, true} {
				p := point{Tx: tx, After: after}
				t.Run(k.name+" "+p.String(), func(t *testing.T) {
					if !*whole && (tx != "T4" || k.name != "sqlite") {
						t.Skip("make chaos runs it")
					}
					t.Parallel()
					begin(t, rowKill, 1, checkAll)
					w := newWorld(t, k.make(t))
					id := w.newJob("1 second")
					scene(w, id, p)
					n := w.start(nodeConfig{})
					w.moves(1)
					w.over(n)
				})
			}
		}
	}
}

// justRun is for points to which the schedule leads.
func justRun(w *world, _ jobs.ID, p point) { w.launch(nodeConfig{Point: p}).dies(p) }

// sceneStart: a start whose answer does not come is repeated with its key, and there is one run.
func sceneStart(w *world, id jobs.ID, p point) {
	n := w.start(nodeConfig{Point: p})
	if a := n.do(order{Do: "run", Job: id, Key: "order-7"}); a.Error == "" {
		w.t.Fatalf("the start was acknowledged: %+v", a)
	}
	n.dies(p)
	again := w.start(nodeConfig{})
	first := again.must(order{Do: "run", Job: id, Key: "order-7"}).Run
	if second := again.must(order{Do: "run", Job: id, Key: "order-7"}).Run; second != first {
		w.t.Errorf("one key gave the runs %s and %s", first, second)
	}
	w.acked = append(w.acked, first)
	w.ended(first)
	again.kill()
	started := 0
	for _, run := range w.history(id) {
		if run.Trigger == jobs.TriggerManual {
			started++
		}
	}
	if started != 1 {
		w.t.Errorf("one start with a key has made %d runs", started)
	}
}

// sceneCancel: a cancel that was committed lets no further step start (P6); one that was not changes nothing.
func sceneCancel(w *world, id jobs.ID, p point) {
	w.out.hold(func(a arrival) bool { return a.Action == "" })
	n := w.start(nodeConfig{Point: p})
	first := w.out.await(w.t, "the first step", 0, func(arrival) bool { return true })
	n.do(order{Do: "cancel", Job: id, Run: first.Run})
	n.dies(p)
	w.out.letGo()
	again := w.start(nodeConfig{})
	want := jobs.RunSuccess
	if p.After {
		want = jobs.RunCanceled
	}
	if run := w.ended(first.Run); run.Status != want {
		w.t.Errorf("the run ended as %s, want %s: %s", run.Status, want, run.Error)
	}
	list, _ := w.out.all()
	for _, a := range list {
		if p.After && a.Run == first.Run && a.Action != "" {
			w.t.Error("a step was started after the cancel (P6)")
		}
	}
	again.kill()
}

// sceneTakeOver: the node that takes a lost one over is lost itself.
func sceneTakeOver(w *world, _ jobs.ID, p point) {
	w.out.hold(func(a arrival) bool { return a.Attempt == 1 })
	n := w.start(nodeConfig{})
	w.out.await(w.t, "the first step", 0, func(arrival) bool { return true })
	n.kill()
	w.launch(nodeConfig{Point: p}).dies(p)
	w.out.letGo()
}

// sceneEdit: a change is there wholly, with its revision, or not at all.
func sceneEdit(w *world, id jobs.ID, p point) {
	n := w.start(nodeConfig{Point: p})
	n.do(order{Do: "edit", Job: id, Key: "changed"})
	n.dies(p)
	j, err := w.client.Job(w.t.Context(), jobs.JobRef{ID: id})
	if err != nil {
		w.t.Fatal(err)
	}
	if changed := j.Definition.Description == "changed"; changed != p.After || (j.Revision == 2) != p.After {
		w.t.Errorf("changed: %v at revision %d", changed, j.Revision)
	}
}

// scenePrune removes ended runs; the last one stays.
func scenePrune(w *world, id jobs.ID, p point) {
	w.forgets = true
	n := w.start(nodeConfig{Point: p})
	w.eventually("three ended runs", func(ctx context.Context) (bool, error) {
		total, err := w.count(ctx, id, jobs.RunSuccess)
		return total >= 3, err
	})
	before := len(w.history(id))
	n.do(order{Do: "prune"})
	n.dies(p)
	total, err := w.count(w.t.Context(), id, jobs.RunSuccess)
	if err != nil {
		w.t.Fatal(err)
	}
	if p.After && total != 1 || !p.After && len(w.history(id)) < before {
		w.t.Errorf("%d ended runs of %d runs are left", total, before)
	}
}

// TestChaos_random_kills kills nodes at any call of the store, one life after the other.
func TestChaos_random_kills(t *testing.T) {
	needWhole(t)
	t.Parallel()
	const lanes, lives = 2, 25
	for _, k := range both {
		for lane := range lanes {
			t.Run(fmt.Sprint(k.name, lane), func(t *testing.T) {
				t.Parallel()
				begin(t, rowRandom, lives, checkAll)
				random := rand.New(rand.NewPCG(15, uint64(lane))) //nolint:gosec // the same kills each time
				w := newWorld(t, k.make(t))
				for range 4 {
					w.newJob("1 second")
				}
				for range lives {
					p := point{Tx: "call", After: random.IntN(2) == 0, Nth: 1 + random.Int64N(20)}
					w.launch(nodeConfig{Point: p}).dies(p)
				}
				n := w.start(nodeConfig{})
				w.moves(1)
				w.over(n)
			})
		}
	}
}

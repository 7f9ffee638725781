//go:build unix

package chaos_test

import (
	"context"
	"os"
	"os/exec"
	"slices"
	"testing"
	"time"

	"github.com/carillon-go/carillon/jobs"
)

// TestChaos_network cuts a node off in the middle of a step, in each way; another node has a direct way and takes over.
func TestChaos_network(t *testing.T) {
	needWhole(t)
	t.Parallel()
	for _, c := range []struct {
		name string
		do   func(w *world, p *proxy)
	}{
		{"cut", func(w *world, p *proxy) {
			p.change(func() { p.refuse = true })
			p.cut(false)
		}},
		{"half-open", func(_ *world, p *proxy) { p.freeze() }},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			begin(t, rowNetwork, 1, checkAll+"; the node stopped its step by itself, another took over, it came back under a new id")
			w := newWorld(t, onPostgres.make(t))
			p := newProxy(t, socketOf(t, w.db))
			id := w.newJob("")
			other := w.start(nodeConfig{})
			far := w.start(nodeConfig{Database: p.dsn(databaseOf(t, w.db)), Concurrency: 1000})
			cutOff(w, far, other, id, func() { c.do(w, p) }, p.heal)
			w.over(far, other)
		})
	}
	for _, c := range []struct {
		name string
		n    int
		do   func(w *world, p *proxy)
	}{
		{"reset", 10, func(_ *world, p *proxy) { p.cut(true) }},
		{"delayed", 1, func(w *world, p *proxy) {
			p.change(func() { p.delay = 30 * time.Millisecond })
			w.moves(3)
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			begin(t, rowNetwork, c.n, checkAll)
			w := newWorld(t, onPostgres.make(t))
			p := newProxy(t, socketOf(t, w.db))
			for range 3 {
				w.newJob("1 second")
			}
			nodes := []*nodeProcess{w.start(nodeConfig{}), w.start(nodeConfig{Database: p.dsn(databaseOf(t, w.db))})}
			for range c.n {
				w.out.more(t, 2)
				c.do(w, p)
			}
			p.heal()
			w.moves(1)
			w.over(nodes...)
		})
	}
}

// cutOff has the far node begin a run, cuts it off, sees the other one finish the run, and heals the way.
func cutOff(w *world, far, other *nodeProcess, id jobs.ID, cut, heal func()) {
	w.t.Helper()
	w.out.hold(func(a arrival) bool { return a.Attempt == 1 })
	run := w.run(other, id)
	w.out.await(w.t, "the first step", 0, func(a arrival) bool { return a.Run == run })
	begun, err := w.store.Run(w.t.Context(), tenant, run)
	if err != nil {
		w.t.Fatal(err)
	}
	worker := begun.WorkerID
	if found, _ := far.log.has(string(worker)); !found {
		// The near one has it: the far one gets the next run.
		w.out.letGo()
		w.ended(run)
		cutOff(w, far, other, id, cut, heal)
		return
	}
	cut()
	far.says("worker stops its work")
	w.out.await(w.t, "the second attempt", 0, func(a arrival) bool { return a.Run == run && a.Attempt == 2 })
	w.out.letGo()
	if end := w.ended(run); end.Status != jobs.RunSuccess {
		w.t.Errorf("the run ended as %s: %s", end.Status, end.Error)
	}
	heal()
	w.eventually("the far node is back under a new id", func(ctx context.Context) (bool, error) {
		ids, err := w.live(ctx)
		return len(ids) == 2 && !slices.Contains(ids, worker), err
	})
}

// TestChaos_network_of_the_kernel cuts a node off below the sockets, in a namespace of its own: packets to its way to the database go nowhere.
func TestChaos_network_of_the_kernel(t *testing.T) {
	needWhole(t)
	t.Parallel()
	begin(t, rowNamespace, 1, checkAll+"; the node stopped its step by itself, another took over, it came back under a new id")
	if os.Geteuid() != 0 {
		leaveOut(t, rowNamespace, "only root has a namespace of the network and a server of PostgreSQL in it")
	}
	if !inside(t, rowNamespace, []string{"--net"}, "ip", "link", "set", "lo", "up") {
		return
	}
	ip := func(args ...string) {
		t.Helper()
		if out, err := exec.CommandContext(t.Context(), "ip", args...).CombinedOutput(); err != nil {
			t.Fatalf("ip %v: %v %s", args, err, out)
		}
	}
	ip("link", "set", "lo", "up")
	w := newWorld(t, onPostgres.make(t))
	p := newProxyAt(t, socketOf(t, w.db), "127.0.0.2:0")
	id := w.newJob("")
	other := w.start(nodeConfig{})
	far := w.start(nodeConfig{Database: p.dsn(databaseOf(t, w.db)), Concurrency: 1000})
	cutOff(w, far, other, id,
		func() { ip("route", "add", "blackhole", "127.0.0.2/32", "table", "local") },
		func() { ip("route", "del", "blackhole", "127.0.0.2/32", "table", "local") })
	w.over(far, other)
}

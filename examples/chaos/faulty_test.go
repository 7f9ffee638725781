//go:build unix

package chaos_test

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/carillon-go/carillon/jobs"
)

// point is a place in the life of a node.
type point struct {
	// Tx is T1 to T9 of the paper, "turn" for an exchange that tells nothing, "call" for any call.
	Tx string
	// After: the transaction is committed, and its caller not told. Else it is not begun.
	After bool
	// Nth such moment, from 1.
	Nth int64
	// Signal is sent to the own process; zero is SIGKILL.
	Signal syscall.Signal
	// Armed: only from the order "arm" on.
	Armed bool
}

func (p point) String() string {
	if p.After {
		return p.Tx + " after"
	}
	return p.Tx + " before"
}

// faultyStore is a store whose process dies, or stops, at a point.
type faultyStore struct {
	jobs.Store
	point point
	seen  atomic.Int64
	armed atomic.Bool
}

// at is told of each moment, and does not return if it is the one.
func (f *faultyStore) at(tx string, after bool) {
	p := f.point
	if p.Tx != tx && p.Tx != "call" || p.After != after || p.Armed && !f.armed.Load() {
		return
	}
	if f.seen.Add(1) != max(p.Nth, 1) {
		return
	}
	if p.Signal == 0 {
		p.Signal = syscall.SIGKILL
	}
	woken := make(chan os.Signal, 1)
	signal.Notify(woken, syscall.SIGCONT)
	if err := syscall.Kill(os.Getpid(), p.Signal); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(3)
	}
	<-woken // the signal is on its way
}

func (f *faultyStore) Plan(ctx context.Context, now time.Time, limit int) (jobs.PlanResult, error) {
	if next, err := f.Store.NextDue(ctx); err == nil && !next.IsZero() && !next.After(now) {
		f.at("T1", false)
	}
	result, err := f.Store.Plan(ctx, now, limit)
	if err == nil && result.Jobs > 0 {
		f.at("T1", true)
	}
	return result, err
}

func (f *faultyStore) StartRuns(ctx context.Context, now time.Time, s jobs.Start) ([]jobs.Run, error) {
	f.at("T2", false)
	runs, err := f.Store.StartRuns(ctx, now, s)
	if err == nil {
		f.at("T2", true)
	}
	return runs, err
}

// kinds of transaction that an exchange is: T4 for the result of a step, T5 for the end of a run, else a turn.
func kinds(r jobs.ExchangeRequest) string {
	kind := "turn"
	for _, o := range r.Outcomes {
		switch {
		case o.End != nil:
			return "T5"
		case o.Starts:
			kind = "T4"
		}
	}
	return kind
}

func (f *faultyStore) Exchange(ctx context.Context, r jobs.ExchangeRequest) (*jobs.ExchangeResult, error) {
	kind := kinds(r)
	if strings.HasPrefix(f.point.Tx, "T3") && r.Want > 0 && f.queued(ctx) {
		f.at("T3", false)
	}
	f.at(kind, false)
	result, err := f.Store.Exchange(ctx, r)
	if err == nil {
		if len(result.Claimed) > 0 {
			f.at("T3", true)
		}
		f.at(kind, true)
	}
	return result, err
}

func (f *faultyStore) queued(ctx context.Context) bool {
	page, err := f.Store.Runs(ctx, jobs.RunQuery{Tenant: tenant, Statuses: []jobs.RunStatus{jobs.RunQueued}, Summary: true, Limit: 1})
	return err == nil && page.Total > 0
}

func (f *faultyStore) CancelRun(ctx context.Context, now time.Time, who jobs.TenantID, id jobs.RunID, by jobs.PrincipalID) (*jobs.Run, error) {
	f.at("T6", false)
	run, err := f.Store.CancelRun(ctx, now, who, id, by)
	if err == nil {
		f.at("T6", true)
	}
	return run, err
}

func (f *faultyStore) TakeOver(ctx context.Context, now time.Time, id jobs.WorkerID, seen int64, reason string) ([]jobs.RunID, error) {
	f.at("T7", false)
	runs, err := f.Store.TakeOver(ctx, now, id, seen, reason)
	if err == nil && len(runs) > 0 {
		f.at("T7", true)
	}
	return runs, err
}

func (f *faultyStore) SaveJob(ctx context.Context, now time.Time, j *jobs.Job, base int64) error {
	f.at("T8", false)
	err := f.Store.SaveJob(ctx, now, j, base)
	if err == nil {
		f.at("T8", true)
	}
	return err
}

func (f *faultyStore) Prune(ctx context.Context, now time.Time, keep jobs.Retention, limit int) (int, error) {
	f.at("T9", false)
	n, err := f.Store.Prune(ctx, now, keep, limit)
	if err == nil && n > 0 {
		f.at("T9", true)
	}
	return n, err
}

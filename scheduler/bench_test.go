package scheduler_test

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"sync/atomic"
	"testing"
	"time"

	"github.com/carillon-go/carillon/jobs"
	"github.com/carillon-go/carillon/scheduler"
)

// BenchmarkScheduler_runs measures how fast queued runs of a driver that does nothing are executed, on a SQLite file with FULL
// durability: inserted before the clock starts, ended when the store says so.
func BenchmarkScheduler_runs(b *testing.B) {
	for _, concurrency := range []int{1, 10, 100} {
		b.Run(fmt.Sprint("concurrency ", concurrency), func(b *testing.B) {
			w := &world{TB: b, store: openDurable(b, b.TempDir(), "FULL"), drivers: &registry{}, log: slog.New(slog.NewTextHandler(io.Discard, nil))}
			b.Cleanup(func() {
				if err := w.store.Close(); err != nil {
					b.Error(err)
				}
			})
			l := jobs.DefaultLimits()
			l.TenantConcurrency, l.ClusterConcurrency = 1000, 1000
			if err := w.store.SetLimits(context.Background(), tenant, l, true); err != nil {
				b.Fatal(err)
			}
			var done atomic.Int64
			n := int64(b.N)
			all := make(chan struct{})
			w.work(func(context.Context, *jobs.Task) (jobs.Output, error) {
				if done.Add(1) == n {
					close(all)
				}
				return jobs.Output{}, nil
			})
			j := w.job(many)
			for left := b.N; left > 0; left -= 1000 {
				w.queueMany(j, min(left, 1000))
			}
			b.ReportAllocs()
			b.ResetTimer()
			begin := time.Now()
			f := newFaults(w.store)
			e := w.engine(f, scheduler.Options{Concurrency: concurrency})
			<-all
			e.stop() // returns when the last end is committed
			b.ReportMetric(float64(b.N)/float64(f.count("Exchange")), "runs/exchange")
			b.ReportMetric(float64(b.N)/time.Since(begin).Seconds(), "runs/s")
		})
	}
}

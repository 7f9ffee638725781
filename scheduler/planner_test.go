package scheduler_test

import (
	"context"
	"flag"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/carillon-go/carillon/jobs"
	"github.com/carillon-go/carillon/scheduler"
)

// nightSchedules is 10,000 before a release; the disk of a laptop takes minutes for that.
var nightSchedules = flag.Int("night", 1000, "schedules of the night test")

// every makes a job that fires at an interval of that many minutes from its start.
func every(minutes int, start time.Time) func(*jobs.Job) {
	return func(j *jobs.Job) {
		j.Schedule = jobs.Schedule{Interval: fmt.Sprintf("%d minutes", minutes), IntervalType: jobs.IntervalSimple, Timezone: "UTC", StartOn: start}
		next, ok := j.EffectiveSchedule().Next(start.Add(-time.Millisecond))
		if !ok {
			panic("a schedule without a fire")
		}
		j.NextRunAt = next
	}
}

func (w *world) fires(j *jobs.Job) []jobs.Fire {
	w.Helper()
	page, err := w.store.Fires(context.Background(), jobs.FireQuery{Tenant: tenant, JobID: j.ID, Ascending: true})
	if err != nil {
		w.Fatal("Fires:", err)
	}
	return page.Items
}

// P7: a run starts at its fire, never before.
func TestScheduler_firesOnTime(t *testing.T) {
	inWorld(t, func(w *world) {
		var started []time.Time
		w.work(func(_ context.Context, task *jobs.Task) (jobs.Output, error) {
			started = append(started, now())
			return jobs.Output{}, nil
		})
		e := w.engine(w.store, scheduler.Options{})
		defer e.stop()
		time.Sleep(1234 * time.Millisecond)
		first := now().Add(10 * time.Minute)
		j := w.job(every(7, first))
		time.Sleep(time.Hour)
		synctest.Wait()
		fires := w.fires(j)
		w.equal("runs in an hour", len(started), 8)
		w.equal("fires", len(fires), 8)
		for i, f := range fires {
			want := first.Add(time.Duration(i) * 7 * time.Minute)
			w.equal("fire", f.At, want)
			w.equal("outcome", f.Outcome, jobs.FireRan)
			if late := started[i].Sub(want); late < 0 || late > 20*time.Millisecond {
				t.Errorf("run %d started %s after its fire", i, late)
			}
		}
	})
}

// The planner is woken for a schedule that is due before the one it sleeps for.
func TestScheduler_newScheduleWakesThePlanner(t *testing.T) {
	inWorld(t, func(w *world) {
		var started []time.Time
		w.work(func(context.Context, *jobs.Task) (jobs.Output, error) {
			started = append(started, now())
			return jobs.Output{}, nil
		})
		w.job(every(60, now().Add(time.Hour)))
		e := w.engine(w.store, scheduler.Options{})
		defer e.stop()
		time.Sleep(time.Second)
		due := now().Add(2 * time.Second)
		w.job(every(60, due))
		time.Sleep(3 * time.Second)
		synctest.Wait()
		if len(started) != 1 || started[0].Before(due) || started[0].Sub(due) > 20*time.Millisecond {
			t.Errorf("started at %v, want once at %v", started, due)
		}
	})
}

// After an outage of the engine the fires that were missed are covered by one run, and the planner goes on through errors.
func TestScheduler_plansThroughErrors(t *testing.T) {
	inWorld(t, func(w *world) {
		var triggers []jobs.Trigger
		w.work(func(_ context.Context, task *jobs.Task) (jobs.Output, error) {
			triggers = append(triggers, task.Trigger)
			return jobs.Output{}, nil
		})
		f := newFaults(w.store)
		e := w.engine(f, scheduler.Options{})
		j := w.job(every(10, now().Add(10*time.Minute)))
		time.Sleep(11 * time.Minute)
		synctest.Wait()
		w.equal("in time", triggers, []jobs.Trigger{jobs.TriggerSchedule})
		f.setDown(errDown)
		time.Sleep(40 * time.Minute)
		f.setDown(nil)
		time.Sleep(time.Minute)
		synctest.Wait()
		w.equal("after the outage", triggers, []jobs.Trigger{jobs.TriggerSchedule, jobs.TriggerCatchup})
		w.equal("health", e.Health().Status, scheduler.HealthOK)
		e.stop()
		// Each moment that was due has its line in the ledger.
		var at []int
		for _, f := range w.fires(j) {
			at = append(at, int(f.At.Sub(j.NextRunAt)/time.Minute))
		}
		w.equal("ledger", at, []int{0, 10, 20, 30, 40})
	})
}

// P2, P7: a night of schedules on two engines; each fire is one run, at its time, without a hole.
func TestScheduler_night(t *testing.T) {
	schedules, hours := *nightSchedules, 8
	if testing.Short() {
		schedules, hours = min(schedules, 200), 5
	}
	inWorld(t, func(w *world) {
		w.wide()
		var mu sync.Mutex
		late, early, runs := time.Duration(0), 0, 0
		w.work(func(_ context.Context, task *jobs.Task) (jobs.Output, error) {
			mu.Lock()
			defer mu.Unlock()
			runs++
			return jobs.Output{}, nil
		})
		begin := now().Truncate(time.Hour).Add(time.Hour)
		var all []*jobs.Job
		for i := range schedules {
			// Each fires every 3 to 5 hours, a third of them at the full hour.
			start := begin.Add(time.Duration(i*7919%180) * time.Minute)
			if i%3 == 0 {
				start = begin.Add(time.Hour)
			}
			all = append(all, w.job(every(180+i%120, start)))
		}
		engines := []*engine{
			w.engine(w.store, scheduler.Options{Concurrency: 100}), w.engine(w.store, scheduler.Options{Concurrency: 100}),
		}
		time.Sleep(time.Until(begin.Add(time.Duration(hours) * time.Hour)))
		end := now()
		time.Sleep(30 * time.Second) // nothing fires between two full minutes
		for _, e := range engines {
			e.stop()
		}
		fires := 0
		for i, j := range all {
			want := j.NextRunAt
			for _, f := range w.fires(j) {
				fires++
				if f.Outcome != jobs.FireRan || !f.At.Equal(want) || f.Count > 1 {
					t.Fatalf("job %d has a line %+v, want a run at %s", i, f, want)
				}
				next, _ := j.EffectiveSchedule().Next(want)
				want = next
				late = max(late, f.Late)
				if f.Late < 0 {
					early++
				}
			}
			if want.Before(end) {
				t.Fatalf("job %d has no line for %s", i, want)
			}
		}
		w.equal("runs", runs, fires)
		page, err := w.store.Runs(context.Background(), jobs.RunQuery{Tenant: tenant})
		if err != nil {
			t.Fatal("Runs:", err)
		}
		for _, r := range page.Items {
			if r.Status != jobs.RunSuccess || len(r.Steps) != 1 || r.Steps[0].Attempt != 1 {
				t.Fatalf("a run is %s: %+v", r.Status, r)
			}
		}
		w.equal("early fires", early, 0)
		if late > time.Second {
			t.Errorf("a fire was planned %s late", late)
		}
		t.Logf("%d fires of %d schedules in %d h", fires, schedules, hours)
	})
}

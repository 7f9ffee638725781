package scheduler_test

import (
	"context"
	"encoding/json"
	"errors"
	"testing"
	"time"

	"github.com/carillon-go/carillon/jobs"
	"github.com/carillon-go/carillon/scheduler"
)

// TestScheduler_retryOfRun: a new run in place of a failed one repeats what failed and nothing before it; what is repeated sees the kept
// outputs, and has an effect key of its own (R18).
func TestScheduler_retryOfRun(t *testing.T) {
	inWorld(t, func(w *world) {
		var worked int
		var keys, seen []string
		w.work(func(context.Context, *jobs.Task) (jobs.Output, error) {
			worked++
			return jobs.Output{Data: map[string]any{"records": 412}}, nil
		})
		w.action("act", func(_ context.Context, task *jobs.Task) (jobs.Output, error) {
			keys, seen = append(keys, task.Key), append(seen, string(task.Data))
			if len(keys) == 1 {
				return jobs.Output{}, errors.New("boom")
			}
			return jobs.Output{}, nil
		})
		var alerts int
		w.action("alert", func(context.Context, *jobs.Task) (jobs.Output, error) { alerts++; return jobs.Output{}, nil })
		j := w.job(func(j *jobs.Job) {
			j.Actions = []jobs.Action{
				action("act", func(a *jobs.Action) {
					a.Data = json.RawMessage(`{"text":"${driver.data.records} of ${run.params.day}"}`)
				}),
				action("alert", func(a *jobs.Action) {
					a.Condition = condition(t, `{"match":"all","rules":[{"field":"run.status","operator":"eq","value":"error"}]}`)
				}),
			}
		})
		e := w.engine(w.store, scheduler.Options{})
		defer e.stop()
		runs, err := w.store.StartRuns(context.Background(), now(), jobs.Start{
			Tenant: tenant, JobID: j.ID, Trigger: jobs.TriggerManual, Params: []json.RawMessage{json.RawMessage(`{"day":5}`)},
		})
		if err != nil {
			t.Fatal(err)
		}
		w.ended(runs[0].ID, jobs.RunError)
		again, err := w.store.RetryRun(context.Background(), now(), jobs.Retry{Tenant: tenant, JobID: j.ID, RunID: runs[0].ID, TriggeredBy: "mara"})
		if err != nil {
			t.Fatal(err)
		}
		r := w.ended(again.ID, jobs.RunSuccess)
		w.equal("calls of the driver", worked, 1)
		w.equal("alerts", alerts, 1)
		w.equal("what the action saw", seen, []string{`{"text":"412 of 5"}`, `{"text":"412 of 5"}`})
		w.equal("number of keys", len(keys), 2)
		w.equal("the keys differ", keys[0] != keys[1], true)
		w.equal("the second key", keys[1], jobs.EffectKey(again.ID, string(j.Actions[0].ID)))
		w.equal("the kept output", string(r.Steps[0].Output), `{"records":412}`)
		w.equal("the alert of the retry", r.Steps[2].State, jobs.StepSkipped)
		w.equal("attempts of the repeated step", r.Steps[1].Attempt, 1)
	})
}

// TestScheduler_backfill: runs of past fires go one after another and know their fire.
func TestScheduler_backfill(t *testing.T) {
	inWorld(t, func(w *world) {
		var g gauge
		var fires []string
		work := g.work(time.Minute)
		w.work(func(ctx context.Context, task *jobs.Task) (jobs.Output, error) {
			fires = append(fires, string(task.Data)+" "+jobs.FormatTime(task.FireAt))
			return work(ctx, task)
		})
		j := w.job(func(j *jobs.Job) {
			many(j)
			j.Data, j.Enabled = json.RawMessage(`{"at":"${run.fireAt}"}`), false
			j.Schedule = jobs.Schedule{Interval: "0 12 * * *", IntervalType: jobs.IntervalCron}
		})
		day := now().AddDate(0, 0, -3).Truncate(24 * time.Hour)
		runs, err := w.store.BackfillRuns(context.Background(), now(), jobs.Backfill{Tenant: tenant, JobID: j.ID, From: day, To: day.AddDate(0, 0, 3)})
		if err != nil {
			t.Fatal(err)
		}
		e := w.engine(w.store, scheduler.Options{})
		defer e.stop()
		var want []string
		for _, r := range runs {
			w.ended(r.RunID, jobs.RunSuccess)
			want = append(want, `{"at":"`+jobs.FormatTime(r.At)+`"} `+jobs.FormatTime(r.At))
		}
		w.equal("runs", len(runs), 3)
		w.equal("most at a time", g.max.Load(), 1)
		w.equal("what the runs saw", fires, want)
	})
}

package scheduler_test

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/carillon-go/carillon/jobs"
	"github.com/carillon-go/carillon/scheduler"
)

// badError panics when it is asked what it wraps, as a nil pointer does.
type badError struct{ inner error }

func (e *badError) Error() string { return "boom" }
func (e *badError) Unwrap() error { return e.inner }

// mute is an error that panics when it is asked for its text.
type mute struct{ text *string }

func (e *mute) Error() string { return *e.text }

// targeting panics when it is asked where the secrets of settings go.
type targeting struct{ driverFunc }

func (targeting) SecretTarget(json.RawMessage) string { panic("no target") }

// TestScheduler_code_of_others: what drivers and hosts hand over is asked outside of a driver's call too. A panic there is an error of its step, or a
// line in the log, and the worker lives on.
func TestScheduler_code_of_others(t *testing.T) {
	for name, c := range map[string]struct {
		driver jobs.Driver
		want   jobs.RunStatus
		says   string
	}{
		"an error that panics when it is unwrapped": {driverFunc{jobs.DriverInfo{ID: "work", Kind: jobs.DriverJob}, func(context.Context, *jobs.Task) (jobs.Output, error) {
			var e *badError
			return jobs.Output{}, e
		}}, jobs.RunError, "the driver panicked"},
		"an error without a text": {driverFunc{jobs.DriverInfo{ID: "work", Kind: jobs.DriverJob}, func(context.Context, *jobs.Task) (jobs.Output, error) {
			var e *mute
			return jobs.Output{}, e
		}}, jobs.RunError, "the driver panicked"},
		"a target of secrets": {targeting{driverFunc{jobs.DriverInfo{ID: "work", Kind: jobs.DriverJob}, nothing}}, jobs.RunError, "the driver panicked: no target"},
		"values in the log that cannot be shown": {driverFunc{jobs.DriverInfo{ID: "work", Kind: jobs.DriverJob}, func(_ context.Context, task *jobs.Task) (jobs.Output, error) {
			endless := map[string]any{}
			endless["self"] = endless
			var e *mute
			task.Log.Info("done", "endless", endless, "err", e, "channel", make(chan int))
			return jobs.Output{}, nil
		}}, jobs.RunSuccess, ""},
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, func(w *world) {
				w.drivers.Store("job/work", c.driver)
				w.engine(w.store, scheduler.Options{})
				r := w.ended(w.queue(w.job(nil)), c.want)
				if !strings.HasPrefix(r.Error, c.says) {
					t.Errorf("the run says %q, want %q", r.Error, c.says)
				}
				if c.want == jobs.RunSuccess {
					if logs := w.logs(r.ID); len(logs) != 1 || !strings.Contains(string(logs[0].Data), "panic") {
						t.Errorf("the log is %+v", logs)
					}
				}
			})
		})
	}
}

// panicking is a place of files whose list panics.
type panicking struct{ *shelf }

func (panicking) Blobs(context.Context, jobs.BlobKey, int) ([]jobs.BlobInfo, error) {
	panic("bad disk")
}

// TestScheduler_sweep_that_panics: the worker goes on, and sweeps again.
func TestScheduler_sweep_that_panics(t *testing.T) {
	inWorld(t, func(w *world) {
		w.work(nothing)
		w.engine(w.store, scheduler.Options{Blobs: panicking{&shelf{}}})
		time.Sleep(time.Hour)
		w.ended(w.queue(w.job(nil)), jobs.RunSuccess)
	})
}

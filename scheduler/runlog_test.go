package scheduler_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/carillon-go/carillon/jobs"
	"github.com/carillon-go/carillon/scheduler"
)

func TestScheduler_logs(t *testing.T) {
	inWorld(t, func(w *world) {
		at := time.Date(2026, 3, 2, 9, 20, 0, 0, time.UTC)
		w.work(func(_ context.Context, task *jobs.Task) (jobs.Output, error) {
			l := task.Log.With("job", "stock").WithGroup("http").With("method", "GET")
			l.Debug("trace")
			l.Info("called", "status", 200, slog.Group("in", "bytes", 12), "took", time.Second, "at", at, "err", errors.New("late"))
			task.Log.Info("odd", "nan", math.NaN(), "chan", make(chan int), "raw", json.RawMessage(`{"a":[1,"\u0000"]}`), "text", "a\x00b\xff")
			task.Log.Info("plain")
			task.Log.Info("", slog.Group("", "inline", true), slog.Attr{})
			task.Log.Info("big", "x", strings.Repeat("x", 9000))
			task.Log.Warn("careful")
			task.Log.Error("bad")
			return jobs.Output{}, nil
		})
		e := w.engine(w.store, scheduler.Options{})
		defer e.stop()
		id := w.queue(w.job(nil))
		r := w.ended(id, jobs.RunWarning)
		w.equal("warnings", r.Warnings, true)
		var got []string
		for i, entry := range w.logs(id) {
			got = append(got, fmt.Sprintf("%s %s %s", entry.Level, entry.Message, entry.Data))
			w.equal("index", entry.Index, i)
			if entry.Data != nil && !json.Valid(entry.Data) {
				t.Errorf("the data is no JSON: %s", entry.Data)
			}
		}
		w.equal("log", strings.Join(got, "\n"), strings.Join([]string{
			`debug trace {"http":{"method":"GET"},"job":"stock"}`,
			`info called {"http":{"at":"2026-03-02T09:20:00.000Z","err":"late","in":{"bytes":12},"method":"GET","status":200,"took":"1s"},"job":"stock"}`,
			strings.Replace(got[2], "", "", 1), // looked at below
			`info plain `,
			`info  {"inline":true}`,
			`info big {"dropped":"the data has 9008 bytes; at most 8192"}`,
			`warn careful `,
			`error bad `,
		}, "\n"))
		if !strings.Contains(got[2], `"nan":"NaN"`) || !strings.Contains(got[2], `"raw":{"a":[1,"\ufffd"]}`) || strings.Contains(got[2], `\u0000`) {
			t.Errorf("odd values are shown as %s", got[2])
		}
	})
}

func TestScheduler_logLimits(t *testing.T) {
	cases := []struct {
		name    string
		write   func(l *slog.Logger)
		entries int
		last    string
		status  jobs.RunStatus
	}{
		{"the limit of entries is kept", func(l *slog.Logger) {
			for range jobs.MaxLogEntries {
				l.Info("x")
			}
		}, jobs.MaxLogEntries, "x", jobs.RunSuccess},
		{"one entry above the limit", func(l *slog.Logger) {
			for range jobs.MaxLogEntries + 1 {
				l.Info("x")
			}
		}, jobs.MaxLogEntries + 1, "the log is full (10000 entries or 5242880 bytes): from here only warnings and errors are kept, 1000 at most", jobs.RunWarning},
		{"warnings are kept beyond it", func(l *slog.Logger) {
			for range 2 * jobs.MaxLogEntries {
				l.Info("x")
			}
			l.Warn("careful")
		}, jobs.MaxLogEntries + 2, "careful", jobs.RunWarning},
		{"but not for ever", func(l *slog.Logger) {
			for range jobs.MaxLogEntries + 2000 {
				l.Warn("careful")
			}
		}, jobs.MaxLogEntries + 1001, "careful", jobs.RunWarning},
		{"the limit of bytes", func(l *slog.Logger) {
			for range 2000 {
				l.Info(strings.Repeat("x", 8000))
			}
		}, jobs.MaxLogBytes/8000 + 1, "the log is full (10000 entries or 5242880 bytes): from here only warnings and errors are kept, 1000 at most", jobs.RunWarning},
		{"a message at its limit", func(l *slog.Logger) { l.Info(strings.Repeat("é", 8000)) }, 1, strings.Repeat("é", 8000), jobs.RunSuccess},
		{
			"a message above its limit", func(l *slog.Logger) { l.Info(strings.Repeat("é", 8001)) }, 1,
			strings.Repeat("é", 8000-len([]rune(" … [cut]"))) + " … [cut]", jobs.RunSuccess,
		},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			inMemory(t, func(w *world) {
				w.work(func(_ context.Context, task *jobs.Task) (jobs.Output, error) {
					c.write(task.Log)
					return jobs.Output{}, nil
				})
				e := w.engine(w.store, scheduler.Options{})
				defer e.stop()
				id := w.queue(w.job(nil))
				w.ended(id, c.status)
				logs := w.logs(id)
				w.equal("entries", len(logs), c.entries)
				w.equal("last entry", logs[len(logs)-1].Message, c.last)
			})
		})
	}
}

// Logs and progress are seen while the run goes on, and a driver that reports all the time costs a write in 100 ms.
func TestScheduler_progress(t *testing.T) {
	inWorld(t, func(w *world) {
		w.work(func(ctx context.Context, task *jobs.Task) (jobs.Output, error) {
			for i := range 10_000 {
				task.Progress(float64(i)/100, fmt.Sprint("row ", i))
				time.Sleep(time.Millisecond)
			}
			task.Log.Info("half")
			time.Sleep(time.Second)
			task.Progress(120, "over")
			task.Progress(math.NaN(), "no number")
			time.Sleep(time.Second)
			return jobs.Output{}, nil
		})
		f := newFaults(w.store)
		e := w.engine(f, scheduler.Options{})
		defer e.stop()
		id := w.queue(w.job(nil))
		time.Sleep(5 * time.Second)
		s := w.run(id).Steps[0]
		if s.Percent == nil || *s.Percent < 48 || *s.Percent > 50 || !strings.HasPrefix(s.Message, "row ") {
			t.Errorf("after half of the time the step shows %v, %q", s.Percent, s.Message)
		}
		time.Sleep(5 * time.Second)
		if n := f.count("Exchange"); n < 90 || n > 115 {
			t.Errorf("10 s of progress made %d exchanges, want about 100", n)
		}
		time.Sleep(200 * time.Millisecond)
		w.equal("entries in the log", len(w.logs(id)), 1)
		time.Sleep(time.Second)
		s = w.run(id).Steps[0]
		w.equal("progress", fmt.Sprint(*s.Percent, " ", s.Message), "100 over")
		r := w.ended(id, jobs.RunSuccess)
		w.equal("message at the end", r.Steps[0].Message, "")
	})
}

package forecast_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/carillon-go/carillon/jobs/internal/forecast"
)

var start = time.Date(2026, 3, 2, 10, 0, 0, 0, time.UTC)

// every fires at start + first minutes, and then every so many minutes.
func every(first, minutes int, expected time.Duration, room int) forecast.Job {
	return forecast.Job{Expected: expected, Room: room, Next: func(after time.Time) (time.Time, bool) {
		at := start.Add(time.Duration(first) * time.Minute)
		for !at.After(after) {
			at = at.Add(time.Duration(minutes) * time.Minute)
		}
		return at, true
	}}
}

func never() forecast.Job {
	return forecast.Job{Room: 1, Next: func(time.Time) (time.Time, bool) { return time.Time{}, false }}
}

func show(p forecast.Plan) string {
	var out []string
	for _, f := range p.Fires {
		out = append(out, fmt.Sprintf("%d@%d", f.Job, int(f.At.Sub(start).Minutes())))
	}
	for _, c := range p.Collisions {
		kind := "all"
		if c.Self {
			kind = "self"
		}
		out = append(out, fmt.Sprintf("%s:%d@%d%v*%d", kind, c.Job, int(c.At.Sub(start).Minutes()), c.Running, c.Runs))
	}
	return strings.Join(append(out, fmt.Sprintf("until %d", int(p.Until.Sub(start).Minutes()))), " ")
}

func TestLook(t *testing.T) {
	t.Parallel()
	hour := start.Add(time.Hour)
	for _, c := range []struct {
		what        string
		jobs        []forecast.Job
		limit, room int
		want        string
	}{
		{"nothing", nil, 10, 10, "until 60"},
		{"a job that never fires", []forecast.Job{never()}, 10, 10, "until 60"},
		{"the first moment counts, the last does not", []forecast.Job{every(0, 30, 0, 1)}, 10, 10, "0@0 0@30 until 60"},
		{"several jobs by time, then by index", []forecast.Job{every(10, 30, 0, 1), every(0, 20, 0, 1), every(40, 60, 0, 1)}, 10, 10, "1@0 0@10 1@20 0@40 1@40 2@40 until 60"},
		{"a run that is over in time meets nobody", []forecast.Job{every(0, 30, 30*time.Minute, 1)}, 10, 1, "0@0 0@30 until 60"},
		{"a run that takes longer than its interval meets itself", []forecast.Job{every(0, 30, 31*time.Minute, 1)}, 10, 9, "0@0 0@30 self:0@30[0]*2 until 60"},
		{"a job with room for two", []forecast.Job{every(0, 20, 30*time.Minute, 2)}, 10, 9, "0@0 0@20 0@40 until 60"},
		{"more jobs than there is room for", []forecast.Job{every(0, 60, time.Hour, 1), every(0, 60, time.Minute, 1), every(5, 60, time.Minute, 1)}, 10, 1, "0@0 1@0 2@5 all:1@0[0 1]*2 all:2@5[0 2]*2 until 60"},
		{"a job of which no duration is known meets nobody", []forecast.Job{every(0, 60, time.Hour, 1), every(0, 60, 0, 1)}, 10, 1, "0@0 1@0 until 60"},
		{"exactly as many as are wanted", []forecast.Job{every(0, 30, 0, 1)}, 2, 1, "0@0 0@30 until 60"},
		{"more than are wanted", []forecast.Job{every(0, 10, 0, 1)}, 3, 1, "0@0 0@10 0@20 until 30"},
		{"a moment of which not all fires fit is left out", []forecast.Job{every(0, 10, time.Hour, 1), every(10, 10, 0, 1)}, 2, 9, "0@0 until 10"},
	} {
		if got := show(forecast.Look(c.jobs, start, hour, c.limit, c.room)); got != c.want {
			t.Errorf("%s: %s, want %s", c.what, got, c.want)
		}
	}
}

func TestMedian(t *testing.T) {
	t.Parallel()
	for want, list := range map[time.Duration][]time.Duration{0: nil, 5: {5}, 2: {9, 2}, 3: {9, 1, 3}, 4: {4, 100, 1, 7}} {
		if got := forecast.Median(list); got != want {
			t.Errorf("Median(%v) = %d, want %d", list, got, want)
		}
	}
}

package jobs_test

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/carillon-go/carillon/jobs"
)

func TestBackfillFires(t *testing.T) {
	t.Parallel()
	day := time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC)
	s := jobs.Schedule{Interval: "0 * * * *", IntervalType: jobs.IntervalCron}
	got, err := jobs.BackfillFires(s, day, day.Add(3*time.Hour))
	if d := cmp.Diff([]time.Time{day, day.Add(time.Hour), day.Add(2 * time.Hour)}, got); d != "" || err != nil {
		t.Errorf("three hours: %v (-want +got):\n%s", err, d)
	}
	most := day.Add(jobs.MaxBackfillFires * time.Hour)
	if got, err := jobs.BackfillFires(s, day, most); err != nil || len(got) != jobs.MaxBackfillFires {
		t.Errorf("the most: %d, %v", len(got), err)
	}
	if got, err := jobs.BackfillFires(s, day, most.Add(time.Nanosecond)); !errors.Is(err, jobs.ErrInvalid) {
		t.Errorf("one more: %d, %v", len(got), err)
	}
	if got, err := jobs.BackfillFires(jobs.Schedule{}, day, most); err != nil || len(got) != 0 {
		t.Errorf("without a schedule: %d, %v", len(got), err)
	}
}

func TestFire_WithoutFires(t *testing.T) {
	t.Parallel()
	at := func(h int) time.Time { return time.Date(2026, 3, 2, h, 0, 0, 0, time.UTC) }
	s := jobs.Schedule{Interval: "0 * * * *", IntervalType: jobs.IntervalCron}
	line := func(from, to int) jobs.Fire {
		f := jobs.Fire{JobID: "j", At: at(from), Outcome: jobs.FireMissed, Reason: "x", Late: time.Duration(24-from) * time.Hour}
		if to > from {
			f.Until, f.Count = at(to), to-from+1
		}
		return f
	}
	for name, c := range map[string]struct {
		line        jobs.Fire
		first, last int
		want        []jobs.Fire
	}{
		"a single fire":              {line(3, 3), 3, 3, nil},
		"the whole line":             {line(3, 9), 3, 9, nil},
		"the middle":                 {line(3, 9), 5, 6, []jobs.Fire{line(3, 4), line(7, 9)}},
		"the beginning":              {line(3, 9), 3, 7, []jobs.Fire{line(8, 9)}},
		"the end":                    {line(3, 9), 8, 9, []jobs.Fire{line(3, 7)}},
		"all but the ends":           {line(3, 9), 4, 8, []jobs.Fire{line(3, 3), line(9, 9)}},
		"of a schedule that is over": {line(3, 3), 4, 4, []jobs.Fire{line(3, 3)}},
	} {
		if d := cmp.Diff(c.want, c.line.WithoutFires(s, at(c.first), at(c.last))); d != "" {
			t.Errorf("%s (-want +got):\n%s", name, d)
		}
	}
}

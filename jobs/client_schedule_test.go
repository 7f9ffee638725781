package jobs_test

import (
	"errors"
	"testing"
	"time"

	"github.com/carillon-go/carillon/jobs"
)

const (
	soon  = "2093-03-29T01:30:00Z"
	later = "2094-01-01T00:00:00Z"
)

func TestClient_UpdateJob_schedule(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	mara := h.as("mara")
	update := func(t *testing.T, j *jobs.Job, p jobs.JobPatch) *jobs.Job {
		t.Helper()
		got, err := mara.UpdateJob(t.Context(), ref(j), p, jobs.Precondition{})
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	null, text := jobs.Null[string](), jobs.Value[string]

	t.Run("without interval the bounds stay and nothing fires", func(t *testing.T) {
		j := h.job(mara, func(s *jobs.JobSpec) {
			s.Schedule = jobs.ScheduleSpec{Interval: "1 day", StartOn: soon, EndOn: later}
		})
		byHand := func(what string, got *jobs.Job) {
			t.Helper()
			if s := got.Schedule; !got.NextRunAt.IsZero() || s.Interval != "" || s.IntervalType != "" || s.StartOn.IsZero() || s.EndOn.IsZero() {
				t.Errorf("%s: fires at %s with %+v", what, got.NextRunAt, s)
			}
		}
		byHand("interval null", update(t, j, jobs.JobPatch{Interval: null}))
		byHand("another field of the schedule", update(t, j, jobs.JobPatch{Timezone: text("Europe/Berlin")}))
		byHand("off and on again", update(t, update(t, j, jobs.JobPatch{Enabled: jobs.Value(false)}), jobs.JobPatch{Enabled: jobs.Value(true)}))
		byHand("what was read is sent back", update(t, j, jobs.JobPatch{
			Interval: null, IntervalType: null, Timezone: text("Europe/Berlin"), StartOn: text(soon), EndOn: text(later), Enabled: jobs.Value(true),
		}))
		policies := j.Policies
		policies.Jitter = time.Minute
		byHand("a jitter", update(t, j, jobs.JobPatch{Policies: jobs.Value(policies)}))
		if got := update(t, j, jobs.JobPatch{IntervalType: text("once")}); got.NextRunAt.IsZero() || got.Schedule.IntervalType != jobs.IntervalOnce {
			t.Errorf("asked for once it fires at %s", got.NextRunAt)
		}
	})
	t.Run("a start alone means once", func(t *testing.T) {
		j := h.job(mara, func(s *jobs.JobSpec) { s.Schedule.StartOn = soon })
		if got := j.NextRunAt.Format(time.RFC3339); got != soon || j.Schedule.IntervalType != jobs.IntervalOnce {
			t.Errorf("created: fires at %s, type %q", got, j.Schedule.IntervalType)
		}
		by := h.job(mara, nil)
		if got := update(t, by, jobs.JobPatch{StartOn: text(soon)}); got.NextRunAt.Format(time.RFC3339) != soon {
			t.Errorf("patched: fires at %s", got.NextRunAt)
		}
	})
	t.Run("what is sent as it is stored does not move the anchor", func(t *testing.T) {
		j := h.job(mara, func(s *jobs.JobSpec) { s.Schedule = jobs.Every("1 hour") })
		got := update(t, j, jobs.JobPatch{Interval: text("1 hour"), IntervalType: text("simple"), Timezone: null})
		if got.Revision != j.Revision || !got.NextRunAt.Equal(j.NextRunAt) {
			t.Errorf("revision %d fires at %s, was %d at %s", got.Revision, got.NextRunAt, j.Revision, j.NextRunAt)
		}
	})
	t.Run("a date without offset is read in the zone that the same patch sets", func(t *testing.T) {
		j := h.job(mara, func(s *jobs.JobSpec) { s.Schedule = jobs.Cron("0 12 * * *", "") })
		got := update(t, j, jobs.JobPatch{StartOn: text("2093-07-01"), EndOn: text("2093-07-02"), Timezone: text("Europe/Berlin")})
		if s := got.Schedule; jobs.FormatTime(s.StartOn) != "2093-06-30T22:00:00.000Z" || jobs.FormatTime(s.EndOn) != "2093-07-02T21:59:59.999Z" {
			t.Errorf("bounds are %s to %s", jobs.FormatTime(s.StartOn), jobs.FormatTime(s.EndOn))
		}
		if jobs.FormatTime(got.NextRunAt) != "2093-07-01T10:00:00.000Z" {
			t.Errorf("fires at %s", got.NextRunAt)
		}
	})
	t.Run("every fault of the schedule is named, and the job stays", func(t *testing.T) {
		j := h.job(mara, nil)
		_, err := mara.UpdateJob(t.Context(), ref(j), jobs.JobPatch{
			Interval: text("61 * * * *"), Timezone: text("Berlin"), StartOn: text("tomorrow"), Name: text(""),
		}, jobs.Precondition{})
		if got := paths(t, err); got != "name startOn timezone interval" {
			t.Errorf("faults at %s", got)
		}
		if _, err := mara.UpdateJob(t.Context(), ref(j), jobs.JobPatch{Interval: null, StartOn: text(later), EndOn: text(soon)}, jobs.Precondition{}); paths(t, err) != "startOn" {
			t.Errorf("bounds the wrong way round, by hand: %v", err)
		}
	})
}

func TestClient_FireTimes(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	c := h.service.As(jobs.Principal{Tenant: "globex", User: "kim"})
	from := time.Date(2093, 3, 1, 0, 0, 0, 0, time.UTC)
	for name, q := range map[string]struct {
		q    jobs.FireTimesQuery
		want string
	}{
		"no schedule":         {jobs.FireTimesQuery{Count: 1}, "interval"},
		"no count":            {jobs.FireTimesQuery{Schedule: jobs.Every("1 day")}, "count"},
		"too many":            {jobs.FireTimesQuery{Schedule: jobs.Every("1 day"), Count: 1001}, "count"},
		"all faults together": {jobs.FireTimesQuery{Schedule: jobs.Cron("x * * * *", "Nowhere"), Count: -1}, "count timezone interval"},
	} {
		if _, err := c.FireTimes(t.Context(), q.q); paths(t, err) != q.want {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := h.service.As(jobs.Principal{}).FireTimes(t.Context(), jobs.FireTimesQuery{}); !errors.Is(err, jobs.ErrUnauthenticated) {
		t.Errorf("nobody: %v", err)
	}
	got, err := c.FireTimes(t.Context(), jobs.FireTimesQuery{Schedule: jobs.Every("90 minutes"), Count: 1000, From: from})
	if err != nil || len(got) != 1000 || !got[0].Equal(from.Add(90*time.Minute)) || !got[999].Equal(from.Add(1000*90*time.Minute)) {
		t.Errorf("a simple schedule counts from the first moment: %d times, %v", len(got), err)
	}
	ends := jobs.ScheduleSpec{Interval: "1 day", StartOn: "2093-03-02T00:00:00Z", EndOn: "2093-03-04T00:00:00Z"}
	if got, err = c.FireTimes(t.Context(), jobs.FireTimesQuery{Schedule: ends, Count: 9, From: from}); err != nil || len(got) != 3 {
		t.Errorf("a schedule that ends gives %v, %v", got, err)
	}
}

func TestServiceOptions_MinInterval(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	registry := registryOf(t)
	service := jobs.NewService(h.store, registry, jobs.ServiceOptions{MinInterval: time.Minute})
	c := service.As(jobs.System("globex"))
	for _, s := range []struct {
		spec jobs.ScheduleSpec
		ok   bool
	}{
		{jobs.Every("59 seconds"), false},
		{jobs.Every("60 seconds"), true},
		{jobs.Cron("* * * * *", ""), true},
		{jobs.ScheduleSpec{StartOn: soon}, true},
		{jobs.ScheduleSpec{}, true},
	} {
		err := c.CheckJob(t.Context(), jobs.JobSpec{Type: "count", Name: "x", Data: []byte(`{"warehouse":"a"}`), Schedule: s.spec})
		if s.ok && err != nil || !s.ok && paths(t, err) != "interval" {
			t.Errorf("%+v: %v", s.spec, err)
		}
	}
	j := h.job(h.as("mara"), func(s *jobs.JobSpec) { s.Schedule = jobs.Every("1 hour") })
	_, err := c.UpdateJob(t.Context(), ref(j), jobs.JobPatch{Interval: jobs.Value("1 second")}, jobs.Precondition{})
	if paths(t, err) != "interval" {
		t.Errorf("update: %v", err)
	}
	if page, err := c.Jobs(t.Context(), jobs.JobQuery{}); err != nil || page.Total != 1 {
		t.Errorf("CheckJob stored something: %d jobs, %v", page.Total, err)
	}
}

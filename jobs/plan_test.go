package jobs_test

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/carillon-go/carillon/jobs"
)

var planStart = time.Date(2026, 3, 20, 12, 0, 0, 0, time.UTC)

// everyDue plays passes of the planner until nothing is due, and gives what they decided.
func everyDue(t *testing.T, due jobs.DueJob, now time.Time) (fires []jobs.PlannedFire, next time.Time) {
	t.Helper()
	for range 100_000 {
		plan, err := jobs.DecideFires(due, now)
		if err != nil {
			t.Fatalf("DecideFires at %s: %v", due.NextRunAt, err)
		}
		fires = append(fires, plan.Fires...)
		if plan.Next.IsZero() || plan.Next.After(now) {
			return fires, plan.Next
		}
		if !plan.Next.After(due.NextRunAt) {
			t.Fatalf("NextRunAt stays at %s", plan.Next)
		}
		due.NextRunAt = plan.Next
		due.Live = liveAfter(due.Live, plan)
	}
	t.Fatal("the planner never catches up")
	return nil, time.Time{}
}

// liveAfter are the live runs after a plan was carried out.
func liveAfter(live []jobs.LiveRun, plan jobs.FirePlan) []jobs.LiveRun {
	gone := map[jobs.RunID]bool{}
	for i, f := range plan.Fires {
		if f.Start == nil {
			continue
		}
		for _, id := range f.Start.Decision.Replace {
			gone[id] = true
		}
		for _, k := range f.Start.ReplaceFires {
			gone[runOf(plan.Fires[k])] = true
		}
		live = append(live, jobs.LiveRun{
			ID: runOf(plan.Fires[i]), Status: jobs.RunQueued, Trigger: f.Start.Trigger, Blocked: f.Start.Decision.Blocked,
		})
	}
	var left []jobs.LiveRun
	for _, r := range live {
		if !gone[r.ID] {
			left = append(left, r)
		}
	}
	return left
}

func runOf(f jobs.PlannedFire) jobs.RunID {
	return jobs.RunID("run of " + f.Fire.At.Format(time.RFC3339))
}

// moments expands the lines of a ledger to the fires that they stand for.
func moments(t *testing.T, s jobs.Schedule, fires []jobs.PlannedFire) map[time.Time]jobs.FireOutcome {
	t.Helper()
	seen := map[time.Time]jobs.FireOutcome{}
	note := func(at time.Time, o jobs.FireOutcome) {
		if earlier, twice := seen[at]; twice {
			t.Errorf("fire %s has two outcomes: %s and %s", at, earlier, o)
		}
		seen[at] = o
	}
	for _, f := range fires {
		note(f.Fire.At, f.Fire.Outcome)
		if f.Fire.Until.IsZero() {
			continue
		}
		n := 1
		for at, ok := s.Next(f.Fire.At); ok && !at.After(f.Fire.Until); at, ok = s.Next(at) {
			note(at, f.Fire.Outcome)
			n++
		}
		if f.Fire.Count != 0 && f.Fire.Count != n {
			t.Errorf("line %s to %s counts %d fires, want %d", f.Fire.At, f.Fire.Until, f.Fire.Count, n)
		}
	}
	return seen
}

func TestDecideFires_every_due_moment_has_exactly_one_outcome(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(1, 2))
	intervals := []string{"1 second", "7 seconds", "5 minutes", "3 hours", "1 day", "* * * * *", "*/7 2-4 * * *", "30 2 * * *", "0 0 1 * 1"}
	overlaps := []jobs.Overlap{jobs.OverlapSkip, jobs.OverlapQueue, jobs.OverlapCancel, jobs.OverlapAllow}
	misfires := []jobs.Misfire{jobs.MisfireLatest, jobs.MisfireSkip, jobs.MisfireAll}
	for n := range 150 {
		s, err := jobs.Schedule{
			Interval: intervals[random.IntN(len(intervals))], Timezone: "Europe/Berlin", Anchor: planStart,
			Offset: time.Duration(random.IntN(3)) * 17 * time.Second,
		}.Normalize()
		if err != nil {
			t.Fatal(err)
		}
		p := jobs.DefaultPolicies()
		p.Overlap = overlaps[random.IntN(len(overlaps))]
		if p.Overlap == jobs.OverlapAllow {
			p.MaxConcurrent = 1 + random.IntN(5)
		}
		p.Misfire = misfires[random.IntN(len(misfires))]
		p.MisfireGrace = time.Duration(random.IntN(120)) * time.Second
		p.MisfireWindow = time.Duration(random.IntN(5000)) * time.Second
		first, _ := s.Next(planStart)
		now := first.Add(time.Duration(random.Int64N(int64(3 * time.Hour))))
		name := fmt.Sprintf("case %d: %q %s %s grace %s window %s late %s", n, s.Interval, p.Overlap, p.Misfire, p.MisfireGrace, p.MisfireWindow, now.Sub(first))
		fires, next := everyDue(t, jobs.DueJob{Schedule: s, Policies: p, NextRunAt: first}, now)
		seen := moments(t, s, fires)
		for at := first; !at.After(now); at, _ = s.Next(at) {
			if _, ok := seen[at]; !ok {
				t.Errorf("%s: fire %s has no outcome", name, at)
			}
			delete(seen, at)
		}
		for at := range seen {
			t.Errorf("%s: %s is in the ledger and was not due", name, at)
		}
		if want, _ := s.Next(now); !next.Equal(want) {
			t.Errorf("%s: next is %s, want %s", name, next, want)
		}
		if t.Failed() {
			return
		}
	}
}

func TestDecideFires(t *testing.T) {
	t.Parallel()
	minutes, err := jobs.Schedule{Interval: "1 minute", Anchor: planStart}.Normalize()
	if err != nil {
		t.Fatal(err)
	}
	at := func(n int) time.Time { return planStart.Add(time.Duration(n) * time.Minute) }
	cases := []struct {
		name   string
		change func(*jobs.DueJob)
		now    time.Time
		want   string
	}{
		{"a fire in time becomes a run", nil, at(1), "ran+schedule"},
		{"within the grace it runs late, and those after it are skipped", nil, at(2), "ran+schedule skipped"},
		{
			"later than the grace the newest is caught up and the others are covered", nil, at(5),
			"ran+catchup coalesced coalesced coalesced skipped",
		},
		{
			"misfire skip starts nothing for the missed ones", func(d *jobs.DueJob) { d.Policies.Misfire = jobs.MisfireSkip }, at(5),
			"missed missed missed missed ran+schedule",
		},
		{
			"misfire all starts one for each, which wait for each other", func(d *jobs.DueJob) { d.Policies.Misfire = jobs.MisfireAll }, at(4),
			"ran+catchup ran+catchup+blocked ran+catchup+blocked skipped",
		},
		{"misfire all keeps its runs when overlap queue would let the newest win", func(d *jobs.DueJob) {
			d.Policies.Misfire, d.Policies.Overlap = jobs.MisfireAll, jobs.OverlapQueue
		}, at(4), "ran+catchup ran+catchup+blocked ran+catchup+blocked ran+schedule+blocked"},
		{
			"older than the window is never caught up", func(d *jobs.DueJob) { d.Policies.MisfireWindow = 90 * time.Second }, at(5),
			"ran+catchup missed missed missed skipped",
		},
		{"after the end of the schedule nothing is caught up", func(d *jobs.DueJob) { d.Schedule.EndOn = at(3) }, at(9), "missed missed missed"},
		{"a live run drops the fire", func(d *jobs.DueJob) { d.Live = []jobs.LiveRun{{ID: "a", Status: jobs.RunRunning}} }, at(1), "skipped by a"},
		{"overlap queue lets it wait", func(d *jobs.DueJob) {
			d.Policies.Overlap = jobs.OverlapQueue
			d.Live = []jobs.LiveRun{{ID: "a", Status: jobs.RunRunning}}
		}, at(1), "ran+schedule+blocked"},
		{"overlap queue: the newest wins", func(d *jobs.DueJob) {
			d.Policies.Overlap = jobs.OverlapQueue
			d.Live = []jobs.LiveRun{{ID: "a", Status: jobs.RunRunning}, {ID: "b", Status: jobs.RunQueued, Blocked: true}}
		}, at(1), "ran+schedule+blocked replaces b"},
		{"overlap cancel cancels and waits for the end", func(d *jobs.DueJob) {
			d.Policies.Overlap = jobs.OverlapCancel
			d.Live = []jobs.LiveRun{{ID: "a", Status: jobs.RunRunning}}
		}, at(1), "ran+schedule+blocked cancels a"},
		{"overlap allow at its bound waits", func(d *jobs.DueJob) {
			d.Policies.Overlap, d.Policies.MaxConcurrent = jobs.OverlapAllow, 2
			d.Live = []jobs.LiveRun{{ID: "a"}, {ID: "b"}}
		}, at(1), "ran+schedule+blocked"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			due := jobs.DueJob{Schedule: minutes, Policies: jobs.DefaultPolicies(), NextRunAt: at(1)}
			if c.change != nil {
				c.change(&due)
			}
			fires, _ := everyDue(t, due, c.now)
			if got := sketch(fires); got != c.want {
				t.Errorf("fires due at %s:\n got %s\nwant %s", c.now, got, c.want)
			}
		})
	}
}

func sketch(fires []jobs.PlannedFire) string {
	var out string
	for i, f := range fires {
		if i > 0 {
			out += " "
		}
		out += string(f.Fire.Outcome)
		if f.Start == nil {
			if f.Fire.RunID != "" {
				out += " by " + string(f.Fire.RunID)
			}
			continue
		}
		out += "+" + string(f.Start.Trigger)
		if f.Start.Decision.Blocked {
			out += "+blocked"
		}
		for _, id := range f.Start.Decision.Replace {
			out += " replaces " + string(id)
		}
		for _, id := range f.Start.Decision.Cancel {
			out += " cancels " + string(id)
		}
	}
	return out
}

func TestDecideFires_an_outage_of_a_year_costs_little(t *testing.T) {
	t.Parallel()
	s, err := jobs.Schedule{Interval: "1 second", Anchor: planStart}.Normalize()
	if err != nil {
		t.Fatal(err)
	}
	first, _ := s.Next(planStart)
	p := jobs.DefaultPolicies()
	p.MisfireGrace = 0
	plan, err := jobs.DecideFires(jobs.DueJob{Schedule: s, Policies: p, NextRunAt: first}, first.AddDate(1, 0, 0))
	if err != nil {
		t.Fatal(err)
	}
	if n := len(plan.Fires); n > 3*jobs.MaxSingleMisfires {
		t.Errorf("one outage makes %d lines, want at most %d", n, 3*jobs.MaxSingleMisfires)
	}
	var total int
	for _, f := range plan.Fires {
		if f.Fire.Until.IsZero() {
			total++
		} else {
			total += f.Fire.Count
		}
	}
	if want := 365*24*3600 + 1; total != want {
		t.Errorf("the lines stand for %d fires, want %d", total, want)
	}
}

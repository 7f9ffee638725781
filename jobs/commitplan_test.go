package jobs_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/carillon-go/carillon/jobs"
)

func cronOf(expression, zone string) jobs.Schedule {
	return jobs.Schedule{Interval: expression, IntervalType: jobs.IntervalCron, Timezone: zone}
}

func TestFireChanges(t *testing.T) {
	from := time.Date(2026, 3, 27, 12, 0, 0, 0, time.UTC)
	at := func(text string) time.Time {
		moment, err := time.Parse(time.RFC3339, text)
		if err != nil {
			t.Fatal(err)
		}
		return moment
	}
	for _, tc := range []struct {
		name          string
		before, after jobs.Schedule
		days          int
		want          [3]int // added, removed, moved
		moved         []jobs.MovedFire
	}{
		{
			// In Berlin clocks go forward on 29 March: 05:00 is 04:00Z before and 03:00Z after.
			name: "an hour later over a clock change", before: cronOf("0 5 * * *", "Europe/Berlin"), after: cronOf("0 6 * * *", "Europe/Berlin"), days: 3,
			want: [3]int{0, 0, 3}, moved: []jobs.MovedFire{
				{From: at("2026-03-28T04:00:00Z"), To: at("2026-03-28T05:00:00Z")},
				{From: at("2026-03-29T03:00:00Z"), To: at("2026-03-29T04:00:00Z")},
				{From: at("2026-03-30T03:00:00Z"), To: at("2026-03-30T04:00:00Z")},
			},
		},
		{
			// The same text in another zone: the day is the new zone's.
			name: "another zone", before: cronOf("0 5 * * *", "Europe/Berlin"), after: cronOf("0 5 * * *", "UTC"), days: 1,
			want: [3]int{0, 0, 1}, moved: []jobs.MovedFire{{From: at("2026-03-28T04:00:00Z"), To: at("2026-03-28T05:00:00Z")}},
		},
		{name: "twice a day", before: cronOf("0 5 * * *", ""), after: cronOf("0 5,17 * * *", ""), days: 2, want: [3]int{2, 0, 0}},
		{name: "weekdays only", before: cronOf("0 5 * * *", ""), after: cronOf("0 5 * * 1-5", ""), days: 7, want: [3]int{0, 2, 0}},
		{name: "switched off", before: cronOf("0 5 * * *", ""), days: 30, want: [3]int{0, 30, 0}},
		{name: "switched on", after: cronOf("0 5 * * *", ""), days: 30, want: [3]int{30, 0, 0}},
		{name: "nothing", before: cronOf("0 5 * * *", ""), after: cronOf("0 5 * * *", ""), days: 30},
		{name: "neither fires", days: 30},
	} {
		got := jobs.FireChangesBetween(tc.before, tc.after, from, from.AddDate(0, 0, tc.days))
		if counts := [3]int{got.AddedCount, got.RemovedCount, got.MovedCount}; counts != tc.want || !got.Complete {
			t.Errorf("%s: added, removed, moved %v, want %v; complete %t", tc.name, counts, tc.want, got.Complete)
		}
		if tc.moved != nil {
			for i := range got.Moved {
				got.Moved[i] = jobs.MovedFire{From: got.Moved[i].From.UTC(), To: got.Moved[i].To.UTC()}
			}
			if diff := cmp.Diff(tc.moved, got.Moved); diff != "" {
				t.Errorf("%s (-want +got):\n%s", tc.name, diff)
			}
		}
	}
}

func TestFireChanges_Bounds(t *testing.T) {
	from := time.Date(2026, 3, 27, 12, 0, 0, 0, time.UTC)
	got := jobs.FireChangesBetween(jobs.Schedule{}, cronOf("* * * * *", ""), from, from.AddDate(0, 0, 30))
	if got.Complete || got.AddedCount != 10_000 || len(got.Added) != jobs.MaxFireChanges || !got.Until.Equal(from.Add(10_000*time.Minute)) {
		t.Errorf("complete %t, %d added, %d shown, until %s", got.Complete, got.AddedCount, len(got.Added), got.Until)
	}
}

func planCommit(t *testing.T, c *jobs.Client, j *jobs.Job) *jobs.CommitPlan {
	t.Helper()
	p, err := c.PlanCommit(t.Context(), ref(j))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func changeWords(list []jobs.Change) []string {
	var out []string
	for _, c := range list {
		out = append(out, c.Path+": "+c.Words)
	}
	return out
}

func TestClient_PlanCommit(t *testing.T) {
	_, mara, j := draftHouse(t)
	d := edit(t, mara, j)
	if p := planCommit(t, mara, j); len(p.Changes)+len(p.Conflicts)+len(p.Warnings) != 0 {
		t.Errorf("a draft without changes: %+v", p)
	}
	patch(t, mara, d, jobs.JobPatch{Interval: jobs.Value("0 6 * * *"), Data: jobs.Value(json.RawMessage(`{"password":"another-password"}`))})
	if _, _, err := mara.UpdateAction(t.Context(), ref(d), d.Actions[0].ID, jobs.ActionPatch{
		Data: jobs.Value(json.RawMessage(`{"text":"` + secretCanary[:4] + `"}`)),
	}, jobs.Precondition{}); err != nil {
		t.Fatal(err)
	}
	if err := mara.DeleteAction(t.Context(), ref(d), d.Actions[1].ID, jobs.Precondition{}); err != nil {
		t.Fatal(err)
	}
	p := planCommit(t, mara, d)
	want := []string{
		`actions[1]: action "Second" removed`, `actions[0].data.text: action "First": data.text set to "` + secretCanary[:4] + `"`,
		`data.password: secret data.password changed`, `interval: interval changed from "0 5 * * *" to "0 6 * * *"`,
	}
	if diff := cmp.Diff(want, changeWords(p.Changes)); diff != "" {
		t.Errorf("changes (-want +got):\n%s", diff)
	}
	if p.Fires.MovedCount < 29 || p.Fires.AddedCount+p.Fires.RemovedCount > 2 {
		t.Errorf("fires: %+v", p.Fires)
	}
	text, err := json.Marshal(p.Changes)
	if err != nil || strings.Contains(string(text), "another-password") || strings.Contains(string(text), secretCanary) {
		t.Errorf("the plan holds a secret: %s, %v", text, err)
	}
	if still, err := mara.Job(t.Context(), ref(j)); err != nil || still.Revision != 1 {
		t.Errorf("the plan changed the original: %v", err)
	}
}

func TestClient_PlanCommit_Conflicts(t *testing.T) {
	h, mara, j := draftHouse(t)
	d := edit(t, mara, j)
	patch(t, mara, d, jobs.JobPatch{Name: jobs.Value("Draft's"), Description: jobs.Value("the same"), Timezone: jobs.Value("UTC")})
	patch(t, mara, j, jobs.JobPatch{Name: jobs.Value("Job's"), Description: jobs.Value("the same"), Interval: jobs.Value("0 7 * * *")})
	p := planCommit(t, mara, j)
	if len(p.Conflicts) != 1 || p.Conflicts[0].Path != "name" || p.Conflicts[0].Draft != "Draft's" || p.Conflicts[0].Original != "Job's" ||
		p.Conflicts[0].Base != "Count" {
		t.Errorf("conflicts: %+v", p.Conflicts)
	}
	less := h.with().As(mara.Principal())
	warned := planCommit(t, less, j)
	if len(warned.Warnings) != 2 || warned.Warnings[0].Kind != jobs.WarnInvalid || warned.Warnings[0].Path != "actions[0].type" {
		t.Errorf("warnings without a driver: %+v", warned.Warnings)
	}
}

// A condition that a commit brings is tried on the runs that are kept.
func TestClient_PlanCommit_Condition(t *testing.T) {
	h := newHouse(t)
	mara := h.as("mara")
	j := h.job(mara, func(s *jobs.JobSpec) {
		s.Actions = []jobs.ActionSpec{{Type: "tell", Name: "Tell", Data: json.RawMessage(`{"to":"x"}`)}}
	})
	h.runOf(j, `{"n":1}`)
	h.runOf(j, `{"n":5}`)
	d := edit(t, mara, j)
	if _, _, err := mara.UpdateAction(t.Context(), ref(d), d.Actions[0].ID, jobs.ActionPatch{RunConditions: jobs.Value(json.RawMessage(
		`{"match":"all","rules":[{"field":"run.params.n","operator":"gt","value":3}]}`))}, jobs.Precondition{}); err != nil {
		t.Fatal(err)
	}
	p := planCommit(t, mara, j)
	want := []jobs.PlanWarning{{
		Kind: jobs.WarnCondition, Path: "actions[0].runConditions",
		Words: `action "Tell": its run conditions would have skipped it in 1 of the last 2 runs`,
	}}
	if diff := cmp.Diff(want, p.Warnings); diff != "" {
		t.Errorf("warnings (-want +got):\n%s", diff)
	}
}

// runOf makes a run of a job that has ended well.
func (h *house) runOf(j *jobs.Job, params string) {
	h.t.Helper()
	ctx, now := h.t.Context(), time.Now().UTC().Truncate(time.Millisecond)
	runs, err := h.store.StartRuns(ctx, now, jobs.Start{
		Tenant: j.Tenant, JobID: j.ID, Trigger: jobs.TriggerManual, TriggeredBy: "mara", Params: []json.RawMessage{json.RawMessage(params)},
	})
	if err != nil {
		h.t.Fatal(err)
	}
	worker := jobs.WorkerID("worker of " + string(runs[0].ID))
	if err := h.store.RegisterWorker(ctx, now, jobs.Worker{
		ID: worker, Hostname: "h", Status: jobs.WorkerActive, Concurrency: 1, StartedAt: now, HeartbeatAt: now,
	}); err != nil {
		h.t.Fatal(err)
	}
	has := func(jobs.DriverKind, string) bool { return true }
	r, err := h.store.Exchange(ctx, jobs.ExchangeRequest{Worker: worker, Beat: 1, Now: now, Want: 1, Has: has})
	if err != nil || len(r.Claimed) != 1 {
		h.t.Fatalf("claim: %+v, %v", r, err)
	}
	c := r.Claimed[0]
	for i := range c.Run.Steps {
		s := &c.Run.Steps[i]
		s.State, s.Attempt, s.Seq, s.StartedAt, s.EndedAt = jobs.StepSuccess, 1, 2, now, now
	}
	if _, err := h.store.Exchange(ctx, jobs.ExchangeRequest{Worker: worker, Beat: 2, Now: now, Has: has, Outcomes: []jobs.Outcome{{
		RunID: c.Run.ID, Fence: c.Run.Fence, Steps: c.Run.Steps, Seq: 3, End: &jobs.RunEnd{Status: jobs.RunSuccess, At: now},
	}}}); err != nil {
		h.t.Fatal(err)
	}
}

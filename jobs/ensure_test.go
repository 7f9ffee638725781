package jobs_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/carillon-go/carillon/jobs"
)

func nightly() jobs.JobSpec {
	return jobs.JobSpec{
		Slug: "nightly", Type: "count", Name: "Nightly", Description: "Counts", Schedule: jobs.Every("1 hour"),
		Data: json.RawMessage(`{"warehouse":"HAM","password":"horse-staple"}`), Actions: tells("A", "B"),
	}
}

// ensuring gives a function that ensures a spec, and the client that it does it with.
func ensuring(t *testing.T, h *house) (func(jobs.JobSpec, jobs.EnsureOptions) *jobs.Job, *jobs.Client) {
	c := h.service.As(jobs.System("globex"))
	return func(spec jobs.JobSpec, o jobs.EnsureOptions) *jobs.Job {
		t.Helper()
		j, err := c.Ensure(t.Context(), spec, o)
		if err != nil {
			t.Fatal(err)
		}
		return j
	}, c
}

// TestClient_Ensure_three_ways changes each part in the code, by an operator, and on both sides.
func TestClient_Ensure_three_ways(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	ensure, system := ensuring(t, h)
	policies := func(keep int) jobs.Policies {
		p := jobs.DefaultPolicies()
		p.KeepRuns = keep
		return p
	}
	parts := map[string]struct {
		code     func(*jobs.JobSpec)
		operator jobs.JobPatch
		show     func(*jobs.Job) string
		// first, byCode and byOperator are what show says.
		first, byCode, byOperator string
	}{
		"name": {
			func(s *jobs.JobSpec) { s.Name = "Code" },
			jobs.JobPatch{Name: jobs.Value("Operator")},
			func(j *jobs.Job) string { return j.Name }, "Nightly", "Code", "Operator",
		},
		"description": {
			func(s *jobs.JobSpec) { s.Description = "" },
			jobs.JobPatch{Description: jobs.Value("Operator")},
			func(j *jobs.Job) string { return j.Description }, "Counts", "", "Operator",
		},
		"schedule": {
			func(s *jobs.JobSpec) { s.Schedule = jobs.ScheduleSpec{} },
			jobs.JobPatch{Interval: jobs.Value("5 hours")},
			func(j *jobs.Job) string { return j.Schedule.Interval }, "1 hour", "", "5 hours",
		},
		"policies": {
			func(s *jobs.JobSpec) { p := policies(1); s.Policies = &p },
			jobs.JobPatch{Policies: jobs.Value(policies(2))},
			func(j *jobs.Job) string { return strings.Repeat("i", j.Policies.KeepRuns) }, "", "i", "ii",
		},
		"data": {
			func(s *jobs.JobSpec) { s.Data = json.RawMessage(`{"warehouse":"BRE"}`) },
			jobs.JobPatch{Data: jobs.Value(json.RawMessage(`{"warehouse":"MUC"}`))},
			func(j *jobs.Job) string { return string(j.Data) }, `{"warehouse":"HAM"}`, `{"warehouse":"BRE"}`, `{"warehouse":"MUC"}`,
		},
	}
	all := func(j *jobs.Job) map[string]string {
		out := map[string]string{}
		for name, p := range parts {
			out[name] = p.show(j)
		}
		return out
	}
	for name, part := range parts {
		t.Run(name, func(t *testing.T) {
			spec := nightly()
			spec.Slug = "by-" + name
			j := ensure(spec, jobs.EnsureOptions{})
			check := func(what string, j *jobs.Job, want string) {
				t.Helper()
				for other, got := range all(j) {
					expected := parts[other].first
					if other == name {
						expected = want
					}
					if got != expected {
						t.Errorf("%s: %s is %q, want %q", what, other, got, expected)
					}
				}
			}
			check("created", j, part.first)
			operate := func() {
				t.Helper()
				if _, err := system.UpdateJob(t.Context(), ref(j), part.operator, jobs.Precondition{}); err != nil {
					t.Fatal(err)
				}
			}
			operate()
			check("an operator's change, the code as before", ensure(spec, jobs.EnsureOptions{}), part.byOperator)
			part.code(&spec)
			check("both have changed it", ensure(spec, jobs.EnsureOptions{}), part.byCode)
			operate()
			check("an operator's change after the code's", ensure(spec, jobs.EnsureOptions{}), part.byOperator)
			check("overwrite", ensure(spec, jobs.EnsureOptions{Overwrite: true}), part.byCode)
			if got := ensure(spec, jobs.EnsureOptions{}); got.Revision != ensure(spec, jobs.EnsureOptions{Overwrite: true}).Revision {
				t.Error("overwriting what is stored already made a revision")
			}
		})
	}
	t.Run("enabled", func(t *testing.T) {
		spec := nightly()
		spec.Slug = "by-enabled"
		j := ensure(spec, jobs.EnsureOptions{})
		if _, err := system.UpdateJob(t.Context(), ref(j), jobs.JobPatch{Enabled: jobs.Value(false)}, jobs.Precondition{}); err != nil {
			t.Fatal(err)
		}
		if j = ensure(spec, jobs.EnsureOptions{}); j.Enabled || !j.NextRunAt.IsZero() {
			t.Error("what an operator switched off is on again")
		}
		if j = ensure(spec, jobs.EnsureOptions{Overwrite: true}); !j.Enabled || j.NextRunAt.IsZero() {
			t.Error("overwrite did not switch it on")
		}
		spec.Disabled = true
		if j = ensure(spec, jobs.EnsureOptions{}); j.Enabled || !j.NextRunAt.IsZero() {
			t.Error("the code could not switch it off")
		}
	})
}

func TestClient_Ensure_repeats_change_nothing(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	ensure, _ := ensuring(t, h)
	spec := nightly()
	spec.Actions[1].RunConditions = json.RawMessage(`{"match":"all","rules":[{"field":"actions[0].status","operator":"eq","value":"success"}]}`)
	spec.Actions[1].Data = json.RawMessage(`{"to":"a","text":"${actions[0].data.x}"}`)
	first := ensure(spec, jobs.EnsureOptions{})
	for _, o := range []jobs.EnsureOptions{{}, {Overwrite: true}, {Overwrite: true}} {
		if got := ensure(spec, o); got.ID != first.ID || got.Revision != 1 || !got.UpdatedAt.Equal(first.UpdatedAt) {
			t.Errorf("%+v: revision %d at %s", o, got.Revision, got.UpdatedAt)
		}
	}
}

func TestClient_Ensure_actions(t *testing.T) {
	t.Parallel()
	s := newStage(t, `{"host":"a"}`, ``)
	ensure, system := ensuring(t, s.house)
	spec := nightly()
	spec.Data = json.RawMessage(`{"warehouse":"HAM"}`)
	spec.Actions = append(tells("A", "A"), jobs.ActionSpec{Type: "post", Name: "Post", Data: json.RawMessage(`{"host":"a.example","token":"` + postToken + `"}`)})
	spec.Actions[1].RunConditions = json.RawMessage(`{"match":"all","rules":[{"field":"actions[0].status","operator":"eq","value":"success"}]}`)
	first := ensure(spec, jobs.EnsureOptions{})

	spec.Actions = append(tells("New"), spec.Actions...)
	spec.Actions[2].RunConditions = json.RawMessage(`{"match":"all","rules":[{"field":"actions[1].status","operator":"eq","value":"success"}]}`)
	got := ensure(spec, jobs.EnsureOptions{})
	if len(got.Actions) != 4 {
		t.Fatalf("there are %d actions", len(got.Actions))
	}
	for i, old := range first.Actions {
		a := got.Actions[i+1]
		if a.ID != old.ID || !a.CreatedAt.Equal(old.CreatedAt) || !a.UpdatedAt.Equal(old.UpdatedAt) {
			t.Errorf("%q: id %s of %s, updated %s; was %s of %s, updated %s", a.Name, a.ID, a.CreatedAt, a.UpdatedAt, old.ID, old.CreatedAt, old.UpdatedAt)
		}
	}
	if names := got.Actions[2].Condition.Actions(); len(names) != 1 || names[0] != string(first.Actions[0].ID) {
		t.Errorf("the condition names %v, want %s", names, first.Actions[0].ID)
	}
	// The token opens under the id that the action has.
	if _, err := system.PreviewAction(t.Context(), ref(got), got.Actions[3].ID, jobs.PreviewRequest{}); err != nil {
		t.Fatal(err)
	}
	if data := string(s.driver.tasks[0].Data); !strings.Contains(data, postToken) {
		t.Errorf("the driver got %s", data)
	}
	if again := ensure(spec, jobs.EnsureOptions{Overwrite: true}); again.Revision != got.Revision {
		t.Error("the same actions made a revision")
	}
	spec.Actions = spec.Actions[:1]
	if got = ensure(spec, jobs.EnsureOptions{}); len(got.Actions) != 1 || got.Actions[0].Name != "New" {
		t.Errorf("left are %+v", got.Actions)
	}
}

func TestClient_Ensure_secrets(t *testing.T) {
	t.Parallel()
	s := newStage(t, `{"host":"a"}`, ``)
	ensure, system := ensuring(t, s.house)
	spec := nightly()
	spec.Data = json.RawMessage(`{"warehouse":"HAM"}`)
	post := func(data string) {
		spec.Actions = []jobs.ActionSpec{{Type: "post", Name: "Post", Data: json.RawMessage(data)}}
	}
	// sent is the token that the driver gets.
	sent := func(j *jobs.Job) string {
		t.Helper()
		if _, err := system.PreviewAction(t.Context(), ref(j), j.Actions[0].ID, jobs.PreviewRequest{}); err != nil {
			t.Fatal(err)
		}
		var settings struct{ Token string }
		if err := json.Unmarshal(s.driver.tasks[len(s.driver.tasks)-1].Data, &settings); err != nil {
			t.Fatal(err)
		}
		return settings.Token
	}
	post(`{"host":"a.example","token":"of-the-code"}`)
	first := ensure(spec, jobs.EnsureOptions{})
	post(`{"host":"a.example","token":"of-the-code-2"}`)
	got := ensure(spec, jobs.EnsureOptions{})
	if got.Revision != first.Revision || first.Ensured["actions"] != got.Ensured["actions"] || sent(got) != "of-the-code" {
		t.Error("what is remembered of the code depends on a secret: it could be guessed from it")
	}
	if got = ensure(spec, jobs.EnsureOptions{Overwrite: true}); sent(got) != "of-the-code-2" {
		t.Errorf("overwrite: the driver gets %q", sent(got))
	}
	post(`{"host":"a.example","text":"new"}`)
	if got = ensure(spec, jobs.EnsureOptions{}); sent(got) != "of-the-code-2" {
		t.Errorf("a new text without the secret: the driver gets %q", sent(got))
	}
	post(`{"host":"b.example","text":"new"}`)
	if _, err := system.Ensure(t.Context(), spec, jobs.EnsureOptions{}); paths(t, err) != "actions[0].data.token" {
		t.Errorf("another target takes the secret along: %v", err)
	}
	post(`{"host":"b.example","text":"new","token":"of-b"}`)
	if got = ensure(spec, jobs.EnsureOptions{}); sent(got) != "of-b" {
		t.Errorf("another target with its own secret: the driver gets %q", sent(got))
	}
}

func TestClient_Ensure_from_many_processes(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	c := h.service.As(jobs.System("globex"))
	const n = 8
	type result struct {
		job *jobs.Job
		err error
	}
	results, start := make(chan result, n), make(chan struct{})
	for range n {
		go func() {
			<-start
			j, err := c.Ensure(t.Context(), nightly(), jobs.EnsureOptions{})
			results <- result{j, err}
		}()
	}
	close(start)
	ids := map[jobs.ID]bool{}
	for range n {
		r := <-results
		if r.err != nil {
			t.Fatal(r.err)
		}
		if ids[r.job.ID] = true; r.job.Revision != 1 {
			t.Errorf("revision %d", r.job.Revision)
		}
	}
	page, err := c.Jobs(t.Context(), jobs.JobQuery{})
	if err != nil || page.Total != 1 || len(ids) != 1 {
		t.Errorf("%d jobs with ids %v, %v", page.Total, ids, err)
	}
}

func TestClient_Ensure_refuses(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	ensure, system := ensuring(t, h)
	refused := func(what string, change func(*jobs.JobSpec), want string) {
		t.Helper()
		spec := nightly()
		change(&spec)
		if _, err := system.Ensure(t.Context(), spec, jobs.EnsureOptions{Overwrite: true}); paths(t, err) != want {
			t.Errorf("%s: %v", what, err)
		}
	}
	faults := func(what string) {
		t.Helper()
		refused(what+": no slug", func(s *jobs.JobSpec) { s.Slug = "" }, "slug")
		refused(what+": wrong settings", func(s *jobs.JobSpec) { s.Data = json.RawMessage(`{"warehouse":7}`) }, "data.warehouse")
		refused(what+": an unknown action driver", func(s *jobs.JobSpec) { s.Actions[1].Type = "fax" }, "actions[1].type")
		refused(what+": a condition on a later action", func(s *jobs.JobSpec) {
			s.Actions[0].RunConditions = json.RawMessage(`{"match":"all","rules":[{"field":"actions[1].status","operator":"eq","value":"x"}]}`)
		}, "actions[0].runConditions.rules[0].field")
	}
	faults("new")
	j := ensure(nightly(), jobs.EnsureOptions{})
	faults("stored")
	refused("another type", func(s *jobs.JobSpec) { s.Type = "tell" }, "type")
	if got, err := system.Job(t.Context(), ref(j)); err != nil || got.Revision != 1 {
		t.Errorf("a refused write left revision %d, %v", got.Revision, err)
	}
	for _, c := range []struct {
		who  string
		c    *jobs.Client
		slug string
		want error
	}{
		{"nobody", h.service.As(jobs.Principal{}), "", jobs.ErrUnauthenticated},
		{"a stranger, whose slug it is not", h.as("kim"), "nightly", jobs.ErrNotFound},
		{"who may not create", h.service.As(jobs.Principal{Tenant: "globex", User: "kim"}), "other", jobs.ErrForbidden},
		{"a read-only token", h.service.As(jobs.Principal{Tenant: "globex", User: "root", Superuser: true, ReadOnly: true}), "nightly", jobs.ErrForbidden},
	} {
		spec := nightly()
		spec.Slug = c.slug
		if _, err := c.c.Ensure(t.Context(), spec, jobs.EnsureOptions{}); !errors.Is(err, c.want) {
			t.Errorf("%s: %v", c.who, err)
		}
	}
}

func TestClient_Ensure_once(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	ensure, _ := ensuring(t, h)
	spec := nightly()
	at := time.Date(2093, 3, 29, 1, 30, 0, 0, time.UTC)
	spec.Schedule = jobs.Once(at)
	for range 2 {
		if j := ensure(spec, jobs.EnsureOptions{Overwrite: true}); !j.NextRunAt.Equal(at) || j.Revision != 1 {
			t.Errorf("fires at %s, revision %d", j.NextRunAt, j.Revision)
		}
	}
}

package jobs_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/carillon-go/carillon/jobs"
)

const postToken = "tok-7f3a-correct-horse"

// stage is a team's job with one action of a poster, which has a token.
type stage struct {
	*house
	driver *poster
	job    *jobs.Job
	id     jobs.ActionID
}

func newStage(t *testing.T, data, condition string) *stage {
	t.Helper()
	h := newHouse(t)
	keys, err := jobs.NewKey([]byte("0123456789abcdef0123456789abcdef"))
	if err != nil {
		t.Fatal(err)
	}
	s := &stage{house: h, driver: &poster{}}
	h.service = jobs.NewService(h.store, registryOf(t, s.driver), jobs.ServiceOptions{Keys: keys, Logger: slog.New(slog.NewTextHandler(io.Discard, nil))})
	s.job = h.job(s.role(jobs.RoleDataWizard), func(spec *jobs.JobSpec) {
		spec.OwnerID = "team:stock"
		spec.Actions = []jobs.ActionSpec{{Type: "post", Name: "Post", Data: json.RawMessage(data), RunConditions: json.RawMessage(condition)}}
		spec.Actions = append(spec.Actions, tells("Tell")...)
	})
	s.id = s.job.Actions[0].ID
	return s
}

func (s *stage) role(r jobs.Role) *jobs.Client {
	return s.as(jobs.PrincipalID("user-"+string(r)), jobs.Membership{Team: "team:stock", Role: r})
}

func (s *stage) preview(r jobs.PreviewRequest) (*jobs.Preview, error) {
	s.t.Helper()
	return s.role(jobs.RoleDataWizard).PreviewAction(s.t.Context(), ref(s.job), s.id, r)
}

// text is all that a preview shows.
func (s *stage) text(p *jobs.Preview) string {
	s.t.Helper()
	text, err := json.Marshal(p)
	if err != nil {
		s.t.Fatal(err)
	}
	return string(text)
}

const post = `{"host":"wms.globex.example","text":"${job.name} of ${run.params.warehouse}","token":"` + postToken + `"}`

func TestClient_PreviewAction(t *testing.T) {
	t.Parallel()
	t.Run("gives the driver what a run would and shows no secret of it", func(t *testing.T) {
		s := newStage(t, post, ``)
		got, err := s.preview(jobs.PreviewRequest{Params: json.RawMessage(`{"warehouse":"HAM"}`)})
		if err != nil || got.Error != "" {
			t.Fatalf("%+v, %v", got, err)
		}
		task := s.driver.tasks[0]
		if want := `{"host":"wms.globex.example","text":"Count of HAM","token":"` + postToken + `"}`; string(task.Data) != want {
			t.Errorf("the driver got %s", task.Data)
		}
		if task.JobID != s.job.ID || task.ActionID != s.id || task.OwnerID != "team:stock" || task.Attempt != 1 || task.Key != "" || task.RunStatus != jobs.RunSuccess {
			t.Errorf("the task is %+v", task)
		}
		if text := s.text(got); strings.Contains(text, postToken) || !strings.Contains(text, "Count of HAM") {
			t.Errorf("shown is %s", text)
		}
	})
	t.Run("has no effect", func(t *testing.T) {
		s := newStage(t, post, ``)
		before, err := s.role(jobs.RoleMember).Job(t.Context(), ref(s.job))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.preview(jobs.PreviewRequest{Data: json.RawMessage(`{"text":"other","token":"another-token"}`), Params: json.RawMessage(`{"warehouse":"x"}`)}); err != nil {
			t.Fatal(err)
		}
		after, err := s.role(jobs.RoleMember).Job(t.Context(), ref(s.job))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(before, after, cmp.Comparer(func(a, b *jobs.Condition) bool { return (a == nil) == (b == nil) })); diff != "" {
			t.Errorf("the job has changed:\n%s", diff)
		}
		if page, err := s.role(jobs.RoleMember).Runs(t.Context(), ref(s.job), jobs.RunQuery{}); err != nil || page.Total != 0 || s.driver.ran != 0 {
			t.Errorf("%d runs, the driver ran %d times, %v", page.Total, s.driver.ran, err)
		}
	})
	t.Run("evaluates the condition, and does not obey it", func(t *testing.T) {
		s := newStage(t, `{"host":"a"}`, `{"match":"all","rules":[{"field":"run.params.n","operator":"gt","value":5},
			{"field":"previous.status","operator":"eq","value":"success"},{"field":"run.status","operator":"eq","value":"success"}]}`)
		got, err := s.preview(jobs.PreviewRequest{Params: json.RawMessage(`{"n":7}`)})
		if err != nil || got.Condition == nil || got.Output == nil {
			t.Fatalf("%+v, %v", got, err)
		}
		yes, no := true, false
		raw := func(text string) json.RawMessage { return json.RawMessage(text) }
		want := &jobs.ConditionResult{Rules: []jobs.RuleResult{
			{Field: "run.params.n", Operator: "gt", Value: raw(`5`), Actual: raw(`7`), Known: true, Met: &yes},
			{Field: "previous.status", Operator: "eq", Value: raw(`"success"`)}, // it exists only in a run
			{Field: "run.status", Operator: "eq", Value: raw(`"success"`), Actual: raw(`"success"`), Known: true, Met: &yes},
		}}
		if diff := cmp.Diff(want, got.Condition); diff != "" {
			t.Errorf("condition (-want +got):\n%s", diff)
		}
		if got, err = s.preview(jobs.PreviewRequest{Params: json.RawMessage(`{"n":5}`)}); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(&no, got.Condition.Met); diff != "" || got.Output == nil {
			t.Errorf("with one rule that is not met: met %v, output %v", got.Condition.Met, got.Output)
		}
	})
	t.Run("a value that exists only in a run is the error of the preview", func(t *testing.T) {
		for placeholder, word := range map[string]string{"${previous.data.x}": "only in a run", "${driver.status}": "only in a run", "${run.params.no}": "unknown path"} {
			s := newStage(t, `{"host":"a","text":"`+placeholder+`"}`, ``)
			got, err := s.preview(jobs.PreviewRequest{})
			if err != nil || !strings.Contains(got.Error, word) || !strings.Contains(got.Error, placeholder) || got.Output != nil || len(s.driver.tasks) != 0 {
				t.Errorf("%s: %+v, %v", placeholder, got, err)
			}
		}
	})
	t.Run("an error and a panic of the driver are shown without secrets", func(t *testing.T) {
		s := newStage(t, `{"host":"a","token":"`+postToken+`"}`, ``)
		s.driver.answer = func(task *jobs.Task) (any, error) { return "half", errors.New("refused: " + string(task.Data)) }
		got, err := s.preview(jobs.PreviewRequest{})
		if err != nil || !strings.Contains(got.Error, "refused") || strings.Contains(s.text(got), postToken) || got.Output != nil {
			t.Errorf("%s, %v", s.text(got), err)
		}
		s.driver.answer = func(task *jobs.Task) (any, error) { panic("with " + string(task.Data)) }
		if got, err = s.preview(jobs.PreviewRequest{}); err != nil || got.Error == "" || strings.Contains(s.text(got), postToken) {
			t.Errorf("%s, %v", s.text(got), err)
		}
	})
}

func TestClient_PreviewAction_with_data(t *testing.T) {
	t.Parallel()
	s := newStage(t, `{"host":"a.example","text":"stored","token":"`+postToken+`"}`, ``)
	t.Run("is merged over what is stored, and the secret stays with its target", func(t *testing.T) {
		if _, err := s.preview(jobs.PreviewRequest{Data: json.RawMessage(`{"text":"other"}`)}); err != nil {
			t.Fatal(err)
		}
		if want, got := `{"host":"a.example","text":"other","token":"`+postToken+`"}`, s.driver.tasks[len(s.driver.tasks)-1].Data; string(got) != want {
			t.Errorf("the driver got %s", got)
		}
	})
	t.Run("another target does not get the stored secret", func(t *testing.T) {
		n := len(s.driver.tasks)
		if _, err := s.preview(jobs.PreviewRequest{Data: json.RawMessage(`{"host":"evil.example"}`)}); paths(t, err) != "data.token" {
			t.Errorf("error is %v", err)
		}
		if len(s.driver.tasks) != n {
			t.Errorf("the driver was asked, with %s", s.driver.tasks[n].Data)
		}
		got, err := s.preview(jobs.PreviewRequest{Data: json.RawMessage(`{"host":"evil.example","token":"fresh-one-1234"}`)})
		if err != nil || strings.Contains(s.text(got), "fresh-one-1234") {
			t.Fatalf("%+v, %v", got, err)
		}
		if data := string(s.driver.tasks[n].Data); strings.Contains(data, postToken) || !strings.Contains(data, "fresh-one-1234") {
			t.Errorf("the driver got %s", data)
		}
		if _, err := s.preview(jobs.PreviewRequest{Data: json.RawMessage(`{"host":"evil.example","token":null}`)}); err != nil {
			t.Errorf("without a secret: %v", err)
		}
	})
	t.Run("placeholders do not open the way to another target", func(t *testing.T) {
		n := len(s.driver.tasks)
		_, err := s.preview(jobs.PreviewRequest{Data: json.RawMessage(`{"host":"${run.params.host}"}`), Params: json.RawMessage(`{"host":"evil.example"}`)})
		if paths(t, err) != "data.token" || len(s.driver.tasks) != n {
			t.Errorf("error is %v", err)
		}
	})
	t.Run("faults have their places", func(t *testing.T) {
		for text, want := range map[string]string{`{"host":7}`: "data.host", `{"x":1}`: "data.x", `{"text":"${"}`: "data.text"} {
			if _, err := s.preview(jobs.PreviewRequest{Data: json.RawMessage(text)}); paths(t, err) != want {
				t.Errorf("%s: %v", text, err)
			}
		}
		if _, err := s.preview(jobs.PreviewRequest{Params: json.RawMessage(`7`)}); paths(t, err) != "params" {
			t.Errorf("params: %v", err)
		}
	})
}

func TestClient_PreviewAction_permissions(t *testing.T) {
	t.Parallel()
	s := newStage(t, `{"host":"a"}`, ``)
	change := jobs.PreviewRequest{Data: json.RawMessage(`{"x":1}`)}
	for _, c := range []struct {
		who  string
		c    *jobs.Client
		id   jobs.ActionID
		r    jobs.PreviewRequest
		want error
	}{
		{"nobody", s.service.As(jobs.Principal{}), s.id, change, jobs.ErrUnauthenticated},
		{"a stranger", s.as("kim"), s.id, change, jobs.ErrNotFound},
		{"level read", s.role(jobs.RoleMember), s.id, jobs.PreviewRequest{}, jobs.ErrForbidden},
		{"level run", s.role(jobs.RoleDesigner), s.id, jobs.PreviewRequest{}, nil},
		{"level run with data", s.role(jobs.RoleDesigner), s.id, change, jobs.ErrForbidden},
		{"level run with data that says nothing", s.role(jobs.RoleDesigner), s.id, jobs.PreviewRequest{Data: json.RawMessage(`{}`)}, jobs.ErrForbidden},
		{"level edit with wrong data", s.role(jobs.RoleDataWizard), s.id, change, jobs.ErrInvalid},
		{"an unknown action", s.role(jobs.RoleDataWizard), jobs.NewActionID(), change, jobs.ErrNotFound},
		{"an action without preview", s.role(jobs.RoleDataWizard), s.job.Actions[1].ID, jobs.PreviewRequest{}, jobs.ErrInvalid},
	} {
		if _, err := c.c.PreviewAction(t.Context(), ref(s.job), c.id, c.r); !errors.Is(err, c.want) {
			t.Errorf("%s: %v", c.who, err)
		}
	}
}

// deadKeys is a key service that does not answer.
type deadKeys struct{ jobs.KeyWrapper }

func (deadKeys) UnwrapKey(context.Context, []byte) ([]byte, error) {
	return nil, &jobs.UnavailableError{Reason: "the key service does not answer"}
}

func TestClient_PreviewAction_outage(t *testing.T) {
	t.Parallel()
	s := newStage(t, `{"host":"a","token":"`+postToken+`"}`, ``)
	s.service = jobs.NewService(s.store, registryOf(t, s.driver), jobs.ServiceOptions{Keys: deadKeys{}})
	if got, err := s.preview(jobs.PreviewRequest{}); !errors.Is(err, jobs.ErrUnavailable) {
		t.Errorf("an outage is shown as a fault of the action: %+v, %v", got, err)
	}
	s.service = jobs.NewService(s.store, registryOf(t, s.driver), jobs.ServiceOptions{})
	if got, err := s.preview(jobs.PreviewRequest{}); err != nil || got.Error == "" || len(s.driver.tasks) != 0 {
		t.Errorf("a secret that does not open: %+v, %v", got, err)
	}
}

package jobs_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/carillon-go/carillon/jobs"
)

// tells are actions of these names, without conditions.
func tells(names ...string) []jobs.ActionSpec {
	specs := make([]jobs.ActionSpec, len(names))
	for i, name := range names {
		specs[i] = jobs.ActionSpec{Type: "tell", Name: name, Data: json.RawMessage(`{"to":"a"}`)}
	}
	return specs
}

// after is a condition on the status of another action.
func after(id jobs.ActionID) json.RawMessage {
	return fmt.Appendf(nil, `{"match":"all","rules":[{"field":"actions.%s.status","operator":"eq","value":"success"}]}`, id)
}

// order are the names of the actions as they are stored.
func (h *house) order(c *jobs.Client, j *jobs.Job) string {
	h.t.Helper()
	stored, err := c.Actions(h.t.Context(), ref(j))
	if err != nil {
		h.t.Fatal(err)
	}
	var names []string
	for _, a := range stored.Actions {
		names = append(names, a.Name)
	}
	return strings.Join(names, " ")
}

func TestClient_AddAction(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	mara := h.as("mara")
	j := h.job(mara, func(s *jobs.JobSpec) { s.Actions = tells("A", "B") })
	at := func(i int) *int { return &i }
	add := func(name string, index *int) (*jobs.Job, int, error) {
		spec := tells(name)[0]
		spec.Index = index
		return mara.AddAction(t.Context(), ref(j), spec)
	}

	t.Run("goes to the end, or moves the others up", func(t *testing.T) {
		for _, step := range []struct {
			name  string
			index *int
			at    int
			want  string
		}{
			{"C", nil, 2, "A B C"}, {"D", at(0), 0, "D A B C"}, {"E", at(2), 2, "D A E B C"}, {"F", at(5), 5, "D A E B C F"},
		} {
			got, i, err := add(step.name, step.index)
			if err != nil {
				t.Fatal(err)
			}
			if i != step.at || got.Actions[i].Name != step.name || h.order(mara, j) != step.want {
				t.Errorf("%s is at %d in %s, want %d in %s", step.name, i, h.order(mara, j), step.at, step.want)
			}
		}
	})
	t.Run("has the defaults of contract 6.1", func(t *testing.T) {
		got, i, err := add("Defaults", nil)
		if err != nil {
			t.Fatal(err)
		}
		a := got.Actions[i]
		if a.Disabled || a.Condition != nil || a.OnError != jobs.OnErrorStop || a.Step != jobs.DefaultStepPolicy() || a.OriginID != "" ||
			!a.CreatedAt.Equal(got.UpdatedAt) || !a.UpdatedAt.Equal(got.UpdatedAt) {
			t.Errorf("the action is %+v", a)
		}
	})
	t.Run("names every fault", func(t *testing.T) {
		_, _, err := mara.AddAction(t.Context(), ref(j), jobs.ActionSpec{
			Type: "tell", Index: at(99), OnError: "explode", Data: json.RawMessage(`{}`), RunConditions: json.RawMessage(`{"match":"most","rules":[]}`),
			Step: &jobs.StepPolicy{MaxRetries: 11, Backoff: "fixed", OnInterrupt: "auto"},
		})
		got := " " + paths(t, err) + " "
		for _, want := range []string{"index", "name", "onError", "maxRetries", "runConditions.match", "data.to"} {
			if !strings.Contains(got, " "+want+" ") {
				t.Errorf("%q is not named in %s", want, got)
			}
		}
		for _, bad := range []*int{at(-1), at(99)} {
			if _, _, err := add("X", bad); paths(t, err) != "index" {
				t.Errorf("index %d: %v", *bad, err)
			}
		}
	})
	t.Run("may ask for earlier actions only", func(t *testing.T) {
		before := h.order(mara, j)
		last := func() jobs.ActionID {
			stored, err := mara.Actions(t.Context(), ref(j))
			if err != nil {
				t.Fatal(err)
			}
			return stored.Actions[len(stored.Actions)-1].ID
		}()
		for name, spec := range map[string]jobs.ActionSpec{
			"a later action":   {Index: at(0), RunConditions: after(last)},
			"an unknown one":   {RunConditions: after(jobs.NewActionID())},
			"one by its place": {RunConditions: json.RawMessage(`{"match":"all","rules":[{"field":"actions[0].status","operator":"eq","value":"x"}]}`)},
		} {
			spec.Type, spec.Name, spec.Data = "tell", "X", json.RawMessage(`{"to":"a"}`)
			if _, _, err := mara.AddAction(t.Context(), ref(j), spec); paths(t, err) != "runConditions.rules[0].field" {
				t.Errorf("%s: %v", name, err)
			}
		}
		if got := h.order(mara, j); got != before {
			t.Errorf("the actions are %s, and were %s", got, before)
		}
		if _, _, err := mara.AddAction(t.Context(), ref(j), jobs.ActionSpec{Type: "tell", Name: "X", Data: json.RawMessage(`{"to":"a"}`), RunConditions: after(last)}); err != nil {
			t.Errorf("an earlier action: %v", err)
		}
	})
	t.Run("the 101st is against the state, but faults of the input come first", func(t *testing.T) {
		names := make([]string, jobs.MaxActions)
		for i := range names {
			names[i] = fmt.Sprint(i)
		}
		full := h.job(mara, func(s *jobs.JobSpec) { s.Actions = tells(names...) })
		if _, _, err := mara.AddAction(t.Context(), ref(full), tells("one more")[0]); !errors.Is(err, jobs.ErrConflict) {
			t.Errorf("error is %v, want a conflict", err)
		}
		if _, _, err := mara.AddAction(t.Context(), ref(full), tells("")[0]); paths(t, err) != "name" {
			t.Errorf("error is %v", err)
		}
		_, err := mara.CreateJob(t.Context(), jobs.JobSpec{Type: "count", Name: "x", Data: json.RawMessage(`{"warehouse":"a"}`), Actions: tells(append(names, "y")...)})
		if paths(t, err) != "actions" {
			t.Errorf("create with 101 actions: %v", err)
		}
	})
}

func TestClient_UpdateAction(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	mara := h.as("mara")
	update := func(t *testing.T, j *jobs.Job, id jobs.ActionID, p jobs.ActionPatch) (*jobs.Job, *jobs.Action) {
		t.Helper()
		got, i, err := mara.UpdateAction(t.Context(), ref(j), id, p, jobs.Precondition{})
		if err != nil {
			t.Fatal(err)
		}
		return got, &got.Actions[i]
	}

	t.Run("writes what is sent and keeps the rest", func(t *testing.T) {
		j := h.job(mara, func(s *jobs.JobSpec) { s.Actions = tells("A", "B") })
		old := j.Actions[1]
		_, got := update(t, j, old.ID, jobs.ActionPatch{
			Name: jobs.Value(" New "), Enabled: jobs.Value(false), OnError: jobs.Value(jobs.OnErrorWarn), Timeout: jobs.Value(2 * time.Minute),
			MaxRetries: jobs.Value(2), RetryDelay: jobs.Value(time.Second), Backoff: jobs.Value(jobs.BackoffExponential),
			OnInterrupt: jobs.Value(jobs.OnInterruptRetry), RunConditions: jobs.Value(after(j.Actions[0].ID)), Data: jobs.Value(json.RawMessage(`{"text":"b"}`)),
		})
		want := old
		want.Name, want.Disabled, want.OnError, want.Condition, want.UpdatedAt = "New", true, "warn", got.Condition, got.UpdatedAt
		want.Step = jobs.StepPolicy{Timeout: 2 * time.Minute, MaxRetries: 2, RetryDelay: time.Second, Backoff: "exponential", OnInterrupt: "retry"}
		want.Data = json.RawMessage(`{"text":"b","to":"a"}`)
		same := cmp.Comparer(func(a, b *jobs.Condition) bool { return a == b })
		if diff := cmp.Diff(&want, got, same); diff != "" || got.Condition == nil || !got.UpdatedAt.After(old.UpdatedAt) {
			t.Errorf("(-want +got):\n%s", diff)
		}
		_, got = update(t, j, old.ID, jobs.ActionPatch{Timeout: jobs.Null[time.Duration](), RunConditions: jobs.Null[json.RawMessage]()})
		if got.Step.Timeout != 0 || got.Condition != nil || got.Step.MaxRetries != 2 {
			t.Errorf("null did not remove time-out and condition only: %+v", got)
		}
	})
	t.Run("an empty patch, and one that says what is stored, change nothing", func(t *testing.T) {
		j := h.job(mara, func(s *jobs.JobSpec) { s.Actions = tells("A", "B") })
		for _, p := range []jobs.ActionPatch{
			{},
			{Name: jobs.Value("B"), Type: jobs.Value("tell"), Index: jobs.Value(1), Data: jobs.Value(json.RawMessage(`{"to":"a"}`)), Enabled: jobs.Value(true)},
		} {
			got, a := update(t, j, j.Actions[1].ID, p)
			if got.Revision != j.Revision || !a.UpdatedAt.Equal(j.Actions[1].UpdatedAt) {
				t.Errorf("%+v made revision %d at %s", p, got.Revision, a.UpdatedAt)
			}
		}
	})
	t.Run("moves without gaps, and only what moved has changed", func(t *testing.T) {
		j := h.job(mara, func(s *jobs.JobSpec) { s.Actions = tells("A", "B", "C", "D") })
		for _, step := range []struct {
			index int
			want  string
		}{{3, "A C D B"}, {0, "B A C D"}, {2, "A C B D"}, {1, "A B C D"}} {
			got, a := update(t, j, j.Actions[1].ID, jobs.ActionPatch{Index: jobs.Value(step.index)})
			if h.order(mara, j) != step.want || a.Name != "B" || got.Actions[step.index].ID != a.ID || !a.UpdatedAt.Equal(got.UpdatedAt) {
				t.Errorf("to %d: %s", step.index, h.order(mara, j))
			}
			for i := range got.Actions {
				if b := &got.Actions[i]; b.ID != a.ID && !b.UpdatedAt.Equal(j.UpdatedAt) {
					t.Errorf("%s has changed too", b.Name)
				}
			}
		}
		for _, bad := range []int{-1, 4} {
			_, _, err := mara.UpdateAction(t.Context(), ref(j), j.Actions[1].ID, jobs.ActionPatch{Index: jobs.Value(bad)}, jobs.Precondition{})
			if paths(t, err) != "index" {
				t.Errorf("index %d: %v", bad, err)
			}
		}
	})
	t.Run("a move that would make a condition refer to a later action is a fault of the index", func(t *testing.T) {
		j := h.job(mara, func(s *jobs.JobSpec) { s.Actions = tells("A", "B") })
		a, b := j.Actions[0].ID, j.Actions[1].ID
		update(t, j, b, jobs.ActionPatch{RunConditions: jobs.Value(after(a))})
		for name, id := range map[string]jobs.ActionID{"the one that is asked for": a, "the one that asks": b} {
			p := jobs.ActionPatch{Index: jobs.Value(1)}
			if id == b {
				p.Index = jobs.Value(0)
			}
			if _, _, err := mara.UpdateAction(t.Context(), ref(j), id, p, jobs.Precondition{}); paths(t, err) != "index" {
				t.Errorf("%s: %v", name, err)
			}
		}
		if got := h.order(mara, j); got != "A B" {
			t.Errorf("the actions are %s", got)
		}
		update(t, j, b, jobs.ActionPatch{Index: jobs.Value(0), RunConditions: jobs.Null[json.RawMessage]()})
		if got := h.order(mara, j); got != "B A" {
			t.Errorf("moved together with its condition gone: %s", got)
		}
		_, _, err := mara.UpdateAction(t.Context(), ref(j), b, jobs.ActionPatch{RunConditions: jobs.Value(after(a))}, jobs.Precondition{})
		if paths(t, err) != "runConditions.rules[0].field" {
			t.Errorf("a new condition on a later action: %v", err)
		}
	})
	t.Run("names every fault and writes nothing", func(t *testing.T) {
		j := h.job(mara, func(s *jobs.JobSpec) { s.Actions = tells("A") })
		_, _, err := mara.UpdateAction(t.Context(), ref(j), j.Actions[0].ID, jobs.ActionPatch{
			Type: jobs.Value("other"), Name: jobs.Null[string](), Index: jobs.Null[int](), Enabled: jobs.Null[bool](), Timeout: jobs.Value(time.Duration(0)),
			MaxRetries: jobs.Value(11), OnError: jobs.Value(jobs.OnError("x")), Data: jobs.Value(json.RawMessage(`{"to":7}`)),
		}, jobs.Precondition{})
		if got := paths(t, err); got != "type name index enabled timeoutSeconds onError maxRetries data.to" {
			t.Errorf("faults at %s", got)
		}
		for name, p := range map[string]jobs.ActionPatch{
			"data": {Data: jobs.Null[json.RawMessage]()}, "type": {Type: jobs.Null[string]()},
		} {
			if _, _, err := mara.UpdateAction(t.Context(), ref(j), j.Actions[0].ID, p, jobs.Precondition{}); paths(t, err) != name {
				t.Errorf("%s null: %v", name, err)
			}
		}
	})
	t.Run("a stale version is refused, also after another action was moved", func(t *testing.T) {
		j := h.job(mara, func(s *jobs.JobSpec) { s.Actions = tells("A", "B") })
		old := j.Actions[0]
		update(t, j, j.Actions[1].ID, jobs.ActionPatch{Name: jobs.Value("B2")})
		if _, _, err := mara.UpdateAction(t.Context(), ref(j), old.ID, jobs.ActionPatch{Name: jobs.Value("A2")}, jobs.Precondition{UpdatedAt: old.UpdatedAt}); err != nil {
			t.Errorf("another action has changed, and this one is refused: %v", err)
		}
		if _, _, err := mara.UpdateAction(t.Context(), ref(j), old.ID, jobs.ActionPatch{Name: jobs.Value("A3")}, jobs.Precondition{UpdatedAt: old.UpdatedAt}); !errors.Is(err, jobs.ErrPrecondition) {
			t.Errorf("a stale version: %v", err)
		}
		if err := mara.DeleteAction(t.Context(), ref(j), old.ID, jobs.Precondition{UpdatedAt: old.UpdatedAt}); !errors.Is(err, jobs.ErrPrecondition) {
			t.Errorf("delete of a stale version: %v", err)
		}
		if got := h.order(mara, j); got != "A2 B2" {
			t.Errorf("the actions are %s", got)
		}
	})
}

func TestClient_DeleteAction(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	mara := h.as("mara")
	j := h.job(mara, func(s *jobs.JobSpec) { s.Actions = tells("A", "B", "C", "D") })
	ids := make([]jobs.ActionID, 4)
	for i := range ids {
		ids[i] = j.Actions[i].ID
	}
	for _, i := range []int{1, 3} {
		if _, _, err := mara.UpdateAction(t.Context(), ref(j), ids[i], jobs.ActionPatch{RunConditions: jobs.Value(after(ids[0]))}, jobs.Precondition{}); err != nil {
			t.Fatal(err)
		}
	}
	err := mara.DeleteAction(t.Context(), ref(j), ids[0], jobs.Precondition{})
	var conflict *jobs.ConflictError
	if !errors.As(err, &conflict) {
		t.Fatalf("error is %v, want a conflict", err)
	}
	if diff := cmp.Diff(map[string]any{"jobActionIds": []string{string(ids[1]), string(ids[3])}}, conflict.Data); diff != "" {
		t.Errorf("data (-want +got):\n%s", diff)
	}
	for _, i := range []int{1, 3, 0} {
		if err := mara.DeleteAction(t.Context(), ref(j), ids[i], jobs.Precondition{}); err != nil {
			t.Errorf("delete %d: %v", i, err)
		}
	}
	if got := h.order(mara, j); got != "C" {
		t.Errorf("left are %s", got)
	}
	if err := mara.DeleteAction(t.Context(), ref(j), ids[0], jobs.Precondition{}); !errors.Is(err, jobs.ErrNotFound) {
		t.Errorf("the second delete: %v", err)
	}
	if _, _, err := mara.Action(t.Context(), ref(j), ids[0]); !errors.Is(err, jobs.ErrNotFound) {
		t.Errorf("read of a deleted action: %v", err)
	}
	if _, i, err := mara.Action(t.Context(), ref(j), ids[2]); err != nil || i != 0 {
		t.Errorf("the one that is left is at %d, %v", i, err)
	}
}

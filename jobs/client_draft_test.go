package jobs_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/carillon-go/carillon/jobs"
)

// draftHouse has a job with a secret, two actions that name each other, and a schedule.
func draftHouse(t *testing.T) (*house, *jobs.Client, *jobs.Job) {
	t.Helper()
	h := newHouse(t)
	h.service = h.with(&poster{})
	mara := h.as("mara")
	j := h.job(mara, func(s *jobs.JobSpec) {
		s.Data = json.RawMessage(`{"warehouse":"HAM","password":"` + secretCanary + `"}`)
		s.Schedule = jobs.Cron("0 5 * * *", "Europe/Berlin")
		s.Actions = []jobs.ActionSpec{
			{Type: "post", Name: "First", Data: json.RawMessage(`{"host":"a.example","token":"` + secretCanary + `"}`)},
			{
				Type: "post", Name: "Second", Data: json.RawMessage(`{"host":"b.example","text":"<b> ${actions[0].data.x}"}`),
				RunConditions: json.RawMessage(`{"match":"all","rules":[{"field":"actions[0].status","operator":"eq","value":"success"}]}`),
			},
		}
	})
	return h, mara, j
}

// with is a service of the same store with more drivers.
func (h *house) with(more ...jobs.Driver) *jobs.Service {
	h.t.Helper()
	keys, err := jobs.NewKey([]byte("0123456789abcdef0123456789abcdef"))
	if err != nil {
		h.t.Fatal(err)
	}
	return jobs.NewService(h.store, registryOf(h.t, more...), jobs.ServiceOptions{Keys: keys})
}

func edit(t *testing.T, c *jobs.Client, j *jobs.Job) *jobs.Job {
	t.Helper()
	d, err := c.EditJob(t.Context(), ref(j))
	if err != nil {
		t.Fatalf("EditJob: %v", err)
	}
	return d
}

func patch(t *testing.T, c *jobs.Client, j *jobs.Job, p jobs.JobPatch) *jobs.Job {
	t.Helper()
	out, err := c.UpdateJob(t.Context(), ref(j), p, jobs.Precondition{})
	if err != nil {
		t.Fatalf("UpdateJob: %v", err)
	}
	return out
}

func commit(t *testing.T, c *jobs.Client, j *jobs.Job, force bool) *jobs.Job {
	t.Helper()
	out, err := c.CommitDraft(t.Context(), ref(j), force)
	if err != nil {
		t.Fatalf("CommitDraft: %v", err)
	}
	return out
}

// open gives the settings of a job and of its actions with their secrets, as a run would have them.
func (h *house) open(j *jobs.Job) []string {
	h.t.Helper()
	var out []string
	one := func(field, target string, data json.RawMessage, secrets jobs.Secrets) {
		place := jobs.SecretRef{Tenant: j.Tenant, Job: j.ID, Field: field, Target: target}
		merged, _, err := jobs.OpenSettings(h.t.Context(), h.service.Vault(), place, data, secrets)
		if err != nil {
			h.t.Fatalf("open %s of %s: %v", field, j.ID, err)
		}
		out = append(out, string(merged))
	}
	one("data", "", j.Data, j.Secrets)
	for _, a := range j.Actions {
		one("actions."+string(a.ID)+".data", jobs.TargetOf(&poster{}, a.Data), a.Data, a.Secrets)
	}
	return out
}

func TestClient_EditJob(t *testing.T) {
	h, mara, j := draftHouse(t)
	d := edit(t, mara, j)
	if d.EditingID != j.ID || d.Slug != "" || d.OwnerID != "mara" || !d.NextRunAt.IsZero() || !d.Enabled || d.Revision != 1 {
		t.Errorf("the draft is %+v", d)
	}
	for i := range d.Actions {
		if d.Actions[i].ID == j.Actions[i].ID || d.Actions[i].OriginID != j.Actions[i].ID {
			t.Errorf("action %d: id %s, origin %s", i, d.Actions[i].ID, d.Actions[i].OriginID)
		}
	}
	if got := d.Actions[1].Condition.Actions(); !slices.Equal(got, []string{string(d.Actions[0].ID)}) {
		t.Errorf("the condition of the draft names %v", got)
	}
	want := h.open(j)
	want[2] = strings.ReplaceAll(want[2], string(j.Actions[0].ID), string(d.Actions[0].ID))
	if diff := cmp.Diff(want, h.open(d)); diff != "" {
		t.Errorf("settings (-original +draft):\n%s", diff)
	}
	if again := edit(t, mara, j); again.ID != d.ID {
		t.Errorf("a second _edit gives another draft")
	}
	if own := edit(t, mara, d); own.ID != d.ID {
		t.Errorf("_edit of the draft gives another draft")
	}
}

func TestClient_EditJob_AtOnce(t *testing.T) {
	_, mara, j := draftHouse(t)
	ids := make([]jobs.ID, 8)
	var all sync.WaitGroup
	for i := range ids {
		all.Go(func() {
			d, err := mara.EditJob(t.Context(), ref(j))
			if err != nil {
				t.Error(err)
				return
			}
			ids[i] = d.ID
		})
	}
	all.Wait()
	if slices.Sort(ids); len(slices.Compact(ids)) != 1 {
		t.Errorf("drafts of one user: %v", ids)
	}
}

func TestClient_CommitDraft(t *testing.T) {
	h, mara, j := draftHouse(t)
	before := h.open(j)
	d := edit(t, mara, j)
	patch(t, mara, d, jobs.JobPatch{Name: jobs.Value("Landed"), Data: jobs.Value(json.RawMessage(`{"warehouse":"BER"}`))})
	d, i, err := mara.AddAction(t.Context(), ref(d), jobs.ActionSpec{
		Type: "post", Name: "Third", Data: json.RawMessage(`{"host":"c.example","token":"another-secret"}`),
	})
	if err != nil {
		t.Fatal(err)
	}
	third := d.Actions[i].ID
	if still, err := mara.Job(t.Context(), ref(j)); err != nil || still.Name != "Count" || still.Revision != 1 {
		t.Fatalf("before the commit the original is %+v, %v", still, err)
	}
	got := commit(t, mara, j, false)
	if got.ID != j.ID || got.Name != "Landed" || got.Slug != j.Slug || got.Revision != 2 || !got.NextRunAt.Equal(j.NextRunAt) {
		t.Errorf("the original is %+v", got)
	}
	if !got.DefnUpdatedAt.After(j.DefnUpdatedAt) {
		t.Errorf("defnUpdatedAt is %s", got.DefnUpdatedAt)
	}
	ids := []jobs.ActionID{got.Actions[0].ID, got.Actions[1].ID, got.Actions[2].ID}
	if want := []jobs.ActionID{j.Actions[0].ID, j.Actions[1].ID, third}; !slices.Equal(ids, want) {
		t.Errorf("actions are %v, want %v", ids, want)
	}
	for k := range j.Actions {
		if got.Actions[k].OriginID != "" || !got.Actions[k].UpdatedAt.Equal(j.Actions[k].UpdatedAt) {
			t.Errorf("action %d: origin %q, updatedAt %s", k, got.Actions[k].OriginID, got.Actions[k].UpdatedAt)
		}
	}
	want := append([]string{`{"password":"` + secretCanary + `","warehouse":"BER"}`}, before[1:]...)
	if diff := cmp.Diff(append(want, `{"host":"c.example","token":"another-secret"}`), h.open(got)); diff != "" {
		t.Errorf("settings (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(j.Secrets, got.Secrets); diff != "" {
		t.Errorf("a secret that nobody entered was sealed anew:\n%s", diff)
	}
	for _, of := range []*jobs.Job{j, d} {
		if _, err := mara.Draft(t.Context(), ref(of)); !errors.Is(err, jobs.ErrNotFound) {
			t.Errorf("after the commit the draft of %s: %v", of.ID, err)
		}
	}
	_, page, err := mara.Revisions(t.Context(), ref(j), 0, 0)
	if err != nil || page.Items[0].By != "mara" {
		t.Fatalf("revisions: %+v, %v", page, err)
	}
	for _, words := range []string{`name changed from "Count" to "Landed"`, `data.warehouse changed from "HAM" to "BER"`, `action "Third" added at position 3`} {
		if !slices.Contains(page.Items[0].Changes, words) {
			t.Errorf("the note does not say %q: %q", words, page.Items[0].Changes)
		}
	}
	if len(page.Items[0].Changes) != 3 {
		t.Errorf("the note says %q", page.Items[0].Changes)
	}
}

func TestClient_CommitDraft_Unchanged(t *testing.T) {
	_, mara, j := draftHouse(t)
	d := edit(t, mara, j)
	got := commit(t, mara, d, false)
	if got.Revision != 1 || !got.UpdatedAt.Equal(j.UpdatedAt) {
		t.Errorf("a draft without changes makes revision %d", got.Revision)
	}
	if _, err := mara.Draft(t.Context(), ref(j)); !errors.Is(err, jobs.ErrNotFound) {
		t.Errorf("the draft: %v", err)
	}
}

func TestClient_CommitDraft_Schedule(t *testing.T) {
	_, mara, j := draftHouse(t)
	d := edit(t, mara, j)
	patch(t, mara, d, jobs.JobPatch{Interval: jobs.Value("0 6 * * *")})
	got := commit(t, mara, j, false)
	if got.NextRunAt.Equal(j.NextRunAt) || got.NextRunAt.IsZero() {
		t.Errorf("nextRunAt is %s, was %s", got.NextRunAt, j.NextRunAt)
	}
	d = edit(t, mara, j)
	patch(t, mara, d, jobs.JobPatch{Enabled: jobs.Value(false)})
	if got = commit(t, mara, j, false); got.Enabled || !got.NextRunAt.IsZero() {
		t.Errorf("switched off in the draft: enabled %t, nextRunAt %s", got.Enabled, got.NextRunAt)
	}
}

// A draft that says nothing of enabled does not switch on what somebody has switched off since.
func TestClient_CommitDraft_EnabledIsTheOriginals(t *testing.T) {
	_, mara, j := draftHouse(t)
	d := edit(t, mara, j)
	patch(t, mara, d, jobs.JobPatch{Name: jobs.Value("Landed")})
	patch(t, mara, j, jobs.JobPatch{Enabled: jobs.Value(false)})
	if got := commit(t, mara, j, true); got.Enabled || got.Name != "Landed" {
		t.Errorf("enabled %t, name %q", got.Enabled, got.Name)
	}
}

func TestClient_CommitDraft_Conflict(t *testing.T) {
	h, mara, j := draftHouse(t)
	if _, err := mara.PutShare(t.Context(), ref(j), "otto", jobs.LevelEdit); err != nil {
		t.Fatal(err)
	}
	otto := h.as("otto")
	mine, his := edit(t, mara, j), edit(t, otto, j)
	patch(t, mara, mine, jobs.JobPatch{Name: jobs.Value("Mara's")})
	patch(t, otto, his, jobs.JobPatch{Name: jobs.Value("Otto's")})
	first := commit(t, mara, j, false)
	_, err := otto.CommitDraft(t.Context(), ref(j), false)
	var conflict *jobs.ConflictError
	if !errors.As(err, &conflict) || conflict.Data["draftBase"] != jobs.FormatTime(j.DefnUpdatedAt) ||
		conflict.Data["original"] != jobs.FormatTime(first.DefnUpdatedAt) {
		t.Fatalf("the second commit: %#v", err)
	}
	if got := commit(t, otto, his, true); got.Name != "Otto's" || got.Revision != 3 {
		t.Errorf("with force: %q, revision %d", got.Name, got.Revision)
	}
}

func TestClient_CommitDraft_AtOnce(t *testing.T) {
	h, mara, j := draftHouse(t)
	const editors = 5
	clients := make([]*jobs.Client, editors)
	other := h.with(&poster{}) // another process: its locks are its own
	for i := range clients {
		user := jobs.PrincipalID(fmt.Sprintf("user-%d", i))
		if _, err := mara.PutShare(t.Context(), ref(j), user, jobs.LevelEdit); err != nil {
			t.Fatal(err)
		}
		service := h.service
		if i%2 == 1 {
			service = other
		}
		clients[i] = service.As(jobs.Principal{Tenant: "globex", User: user})
		patch(t, clients[i], edit(t, clients[i], j), jobs.JobPatch{Name: jobs.Value(string(user))})
	}
	errs := make([]error, editors)
	var all sync.WaitGroup
	for i := range clients {
		all.Go(func() { _, errs[i] = clients[i].CommitDraft(t.Context(), ref(j), false) })
	}
	all.Wait()
	won := 0
	for _, err := range errs {
		switch {
		case err == nil:
			won++
		case !errors.Is(err, jobs.ErrConflict):
			t.Errorf("a rival gets %v", err)
		}
	}
	if won != 1 {
		t.Errorf("%d commits have won", won)
	}
}

func TestClient_CommitDraft_NotValid(t *testing.T) {
	h, mara, j := draftHouse(t)
	d := edit(t, mara, j)
	patch(t, mara, d, jobs.JobPatch{Name: jobs.Value("Landed")})
	less := h.with().As(mara.Principal()) // the driver of the actions has gone
	_, err := less.CommitDraft(t.Context(), ref(j), false)
	if got := paths(t, err); got != "actions[0].type actions[1].type" {
		t.Errorf("faults at %q: %v", got, err)
	}
	if still, err := mara.Job(t.Context(), ref(j)); err != nil || still.Revision != 1 {
		t.Errorf("the original is at revision %d, %v", still.Revision, err)
	}
}

func TestClient_CommitDraft_ShareTaken(t *testing.T) {
	h, mara, j := draftHouse(t)
	if _, err := mara.PutShare(t.Context(), ref(j), "otto", jobs.LevelEdit); err != nil {
		t.Fatal(err)
	}
	otto := h.as("otto")
	d := edit(t, otto, j)
	if err := mara.DeleteShare(t.Context(), ref(j), "otto"); err != nil {
		t.Fatal(err)
	}
	if _, err := otto.CommitDraft(t.Context(), ref(d), true); !errors.Is(err, jobs.ErrForbidden) {
		t.Errorf("by the draft: %v", err)
	}
	if _, err := otto.CommitDraft(t.Context(), ref(j), true); !errors.Is(err, jobs.ErrNotFound) {
		t.Errorf("by the original: %v", err)
	}
	if got, err := otto.Job(t.Context(), ref(d)); err != nil || got.ID != d.ID {
		t.Errorf("the draft: %v", err)
	}
	list, err := otto.Drafts(t.Context())
	if err != nil || len(list) != 1 || list[0].Original != nil {
		t.Errorf("drafts: %+v, %v", list, err)
	}
	if _, err := mara.Job(t.Context(), ref(d)); !errors.Is(err, jobs.ErrNotFound) {
		t.Errorf("the draft of another: %v", err)
	}
	if err := otto.DiscardDraft(t.Context(), ref(d), jobs.Precondition{}); err != nil {
		t.Errorf("discard: %v", err)
	}
}

// Secrets of the former owner do not come back by a draft that was made before the hand-over (R45).
func TestClient_CommitDraft_HandedOver(t *testing.T) {
	h, mara, j := draftHouse(t)
	if _, err := mara.PutShare(t.Context(), ref(j), "otto", jobs.LevelFull); err != nil {
		t.Fatal(err)
	}
	otto := h.as("otto")
	d := edit(t, otto, j)
	patch(t, otto, d, jobs.JobPatch{Enabled: jobs.Value(false)})
	patch(t, otto, d, jobs.JobPatch{Enabled: jobs.Value(true), Name: jobs.Value("Landed")})
	given := *j
	given.OwnerID, given.Enabled, given.NextRunAt, given.Secrets, given.Revision, given.Shares = "otto", false, given.CreatedAt.AddDate(-60, 0, 0), nil, 2, nil
	given.NextRunAt = jobs.Job{}.NextRunAt
	given.Actions = slices.Clone(j.Actions)
	given.Actions[0].Secrets = nil
	if err := mara.DeleteShare(t.Context(), ref(j), "otto"); err != nil {
		t.Fatal(err)
	}
	if err := h.store.SaveJob(t.Context(), j.UpdatedAt.AddDate(0, 0, 1), &given, 1); err != nil {
		t.Fatal(err)
	}
	got := commit(t, otto, d, true)
	if got.Enabled || got.Secrets != nil || got.Actions[0].Secrets != nil || got.Name != "Landed" {
		t.Errorf("enabled %t, secrets %v and %v", got.Enabled, got.Secrets, got.Actions[0].Secrets)
	}
	if restored, err := otto.RestoreRevision(t.Context(), ref(j), 1, false); err != nil || restored.Secrets != nil {
		t.Errorf("restored secrets %v, %v", restored, err)
	}
}

func TestClient_RestoreRevision(t *testing.T) {
	h, mara, j := draftHouse(t)
	patch(t, mara, j, jobs.JobPatch{Name: jobs.Value("Second"), Data: jobs.Value(json.RawMessage(`{"password":"a-new-password"}`))})
	d, err := mara.RestoreRevision(t.Context(), ref(j), 1, false)
	if err != nil {
		t.Fatal(err)
	}
	if d.Name != "Count" || d.EditingID != j.ID || d.Base.Revision != 2 || d.Base.Source != 1 {
		t.Errorf("the draft is %+v", d)
	}
	var conflict *jobs.ConflictError
	if _, err := mara.RestoreRevision(t.Context(), ref(j), 2, false); !errors.As(err, &conflict) || conflict.Data["draftId"] != string(d.ID) {
		t.Errorf("a second one: %v", err)
	}
	again, err := mara.RestoreRevision(t.Context(), ref(j), 1, true)
	if err != nil || again.ID == d.ID || again.Name != "Count" {
		t.Errorf("with force: %+v, %v", again, err)
	}
	if _, err := mara.RestoreRevision(t.Context(), ref(j), 9, true); !errors.Is(err, jobs.ErrNotFound) {
		t.Errorf("an unknown revision: %v", err)
	}
	got := commit(t, mara, j, false)
	if got.Name != "Count" || got.Revision != 3 {
		t.Errorf("the original is %q at revision %d", got.Name, got.Revision)
	}
	if diff := cmp.Diff(h.open(j), h.open(got)); diff != "" {
		t.Errorf("settings (-first +restored):\n%s", diff)
	}
	if diff := cmp.Diff(j.Definition.Secrets, got.Definition.Secrets); diff != "" {
		t.Errorf("the secret of revision 1 was sealed anew: %s", diff)
	}
}

func TestClient_CopyJob(t *testing.T) {
	h, mara, j := draftHouse(t)
	if _, err := mara.PutShare(t.Context(), ref(j), "otto", jobs.LevelRun); err != nil {
		t.Fatal(err)
	}
	otto := h.as("otto")
	got, err := otto.CopyJob(t.Context(), ref(j), jobs.CopySpec{Name: "Count"})
	if err != nil {
		t.Fatal(err)
	}
	if got.Slug != "count-2" || got.OwnerID != "otto" || got.Enabled || !got.NextRunAt.IsZero() || got.Revision != 1 || len(got.Shares) != 0 {
		t.Errorf("the copy is %+v", got)
	}
	if got.Secrets != nil || got.Actions[0].Secrets != nil {
		t.Errorf("secrets went along: %v, %v", got.Secrets, got.Actions[0].Secrets)
	}
	if names := got.Actions[1].Condition.Actions(); !slices.Equal(names, []string{string(got.Actions[0].ID)}) || got.Actions[0].ID == j.Actions[0].ID {
		t.Errorf("the condition names %v", names)
	}
	shared, err := mara.CopyJob(t.Context(), ref(j), jobs.CopySpec{Name: "Shared", Sharing: true})
	if err != nil || len(shared.Shares) != 1 || shared.Shares[0].PrincipalID != "otto" {
		t.Errorf("with sharing: %+v, %v", shared, err)
	}
	if _, err := otto.CopyJob(t.Context(), ref(j), jobs.CopySpec{Name: "X", Sharing: true}); !errors.Is(err, jobs.ErrForbidden) {
		t.Errorf("sharing without job:share: %v", err)
	}
	if _, err := mara.CopyJob(t.Context(), ref(edit(t, mara, j)), jobs.CopySpec{Name: "X"}); !errors.Is(err, jobs.ErrConflict) {
		t.Errorf("of a draft: %v", err)
	}
	if _, err := mara.CopyJob(t.Context(), ref(j), jobs.CopySpec{}); paths(t, err) != "name" {
		t.Errorf("without a name: %v", err)
	}
}

func TestClient_FreeSlug(t *testing.T) {
	_, mara, _ := draftHouse(t)
	for name, want := range map[string]string{"Count": "count-2", "Lager: Übersicht (täglich)": "lager-ubersicht-taglich"} {
		if got, err := mara.FreeSlug(t.Context(), name); err != nil || got != want {
			t.Errorf("FreeSlug(%q) = %q, %v; want %q", name, got, err, want)
		}
	}
	if _, err := mara.FreeSlug(t.Context(), " - "); paths(t, err) != "name" {
		t.Errorf("a name without letters: %v", err)
	}
}

// A draft without a secret that cannot be read now would take it away with its commit.
func TestClient_EditJob_UnreadableSecret(t *testing.T) {
	h, mara, j := draftHouse(t)
	keyless := jobs.NewService(h.store, registryOf(t, &poster{}), jobs.ServiceOptions{}).As(mara.Principal())
	if _, err := keyless.EditJob(t.Context(), ref(j)); !errors.Is(err, jobs.ErrConflict) || !strings.Contains(err.Error(), "data.") {
		t.Errorf("EditJob: %v, want a conflict that names the field", err)
	}
	if _, err := mara.Draft(t.Context(), ref(j)); !errors.Is(err, jobs.ErrNotFound) {
		t.Errorf("a draft was stored: %v", err)
	}
}

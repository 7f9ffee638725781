package jobs_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/carillon-go/carillon/jobs"
)

// audit is the audit of the tenant as lines, oldest first.
func (h *house) audit() []string {
	h.t.Helper()
	page, err := h.service.As(jobs.System("globex")).Audit(h.t.Context(), jobs.AuditQuery{})
	if err != nil {
		h.t.Fatal(err)
	}
	var lines []string
	for i := len(page.Items) - 1; i >= 0; i-- {
		r := page.Items[i]
		lines = append(lines, fmt.Sprintf("%s %s %s %s r%d %s", r.Actor, r.Action, r.Kind, r.Result, r.Revision, strings.Join(r.Fields, ",")))
	}
	return lines
}

func TestClient_audit(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	mara := h.as("mara")
	j := h.job(mara, func(s *jobs.JobSpec) {
		s.Data = json.RawMessage(`{"warehouse":"HAM","password":"a secret of mine"}`)
		s.Actions = []jobs.ActionSpec{{Type: "tell", Name: "Tell", Data: json.RawMessage(`{"to":"a"}`)}}
	})
	if _, err := mara.UpdateJob(t.Context(), ref(j), jobs.JobPatch{
		Name: jobs.Value("Other"), Enabled: jobs.Value(false), Data: jobs.Value(json.RawMessage(`{"password":"another of mine"}`)),
	}, jobs.Precondition{}); err != nil {
		t.Fatal(err)
	}
	if _, _, err := mara.UpdateAction(t.Context(), ref(j), j.Actions[0].ID, jobs.ActionPatch{Name: jobs.Value("Say")}, jobs.Precondition{}); err != nil {
		t.Fatal(err)
	}
	if _, err := mara.UpdateJob(t.Context(), ref(j), jobs.JobPatch{Name: jobs.Value("Other")}, jobs.Precondition{}); err != nil {
		t.Fatal(err)
	}
	run, err := mara.Run(t.Context(), ref(j), jobs.RunOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := mara.CancelRun(t.Context(), ref(j), run.ID); err != nil {
		t.Fatal(err)
	}
	if err := mara.DeleteJob(t.Context(), ref(j), false, jobs.Precondition{}); err != nil {
		t.Fatal(err)
	}
	want := []string{
		"mara create job ok r1 ",
		"mara secret.set job ok r1 data.password",
		"mara update job ok r2 enabled,name",
		"mara disable job ok r2 ",
		"mara secret.set job ok r2 data.password",
		"mara update job ok r3 actions." + string(j.Actions[0].ID),
		"mara run job ok r3 ",
		"mara cancel run ok r0 ",
		"mara delete job ok r3 ",
	}
	if got := h.audit(); strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("the audit is\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestClient_audit_denied(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	team := jobs.Membership{Team: "team:stock", Role: jobs.RoleMember}
	j := h.job(h.as("mara", jobs.Membership{Team: "team:stock", Role: jobs.RoleAdmin}), func(s *jobs.JobSpec) { s.OwnerID = "team:stock" })
	reader := h.as("otto", team)
	if _, err := reader.UpdateJob(t.Context(), ref(j), jobs.JobPatch{Name: jobs.Value("Mine")}, jobs.Precondition{}); !errors.Is(err, jobs.ErrForbidden) {
		t.Fatalf("an update by a reader is %v", err)
	}
	if err := reader.DeleteJob(t.Context(), ref(j), false, jobs.Precondition{}); !errors.Is(err, jobs.ErrForbidden) {
		t.Fatalf("a removal by a reader is %v", err)
	}
	if err := h.as("nobody").DeleteJob(t.Context(), ref(j), false, jobs.Precondition{}); !errors.Is(err, jobs.ErrNotFound) {
		t.Fatalf("a removal by somebody who cannot see the job is %v", err)
	}
	if _, err := reader.Audit(t.Context(), jobs.AuditQuery{}); !errors.Is(err, jobs.ErrForbidden) {
		t.Fatalf("the audit for a user is %v", err)
	}
	want := []string{
		"mara create job ok r1 ",
		"otto job:edit job denied r0 ",
		"otto job:delete job denied r0 ",
		"otto superuser  denied r0 ",
	}
	if got := h.audit(); strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("the audit is\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if page, err := h.as("mara", jobs.Membership{Team: "team:stock", Role: jobs.RoleAdmin}).JobAudit(t.Context(), ref(j), jobs.AuditQuery{}); err != nil || page.Total != 3 {
		t.Errorf("the audit of the job has %d rows, %v; want 3", page.Total, err)
	}
	if _, err := reader.JobAudit(t.Context(), ref(j), jobs.AuditQuery{}); !errors.Is(err, jobs.ErrForbidden) {
		t.Errorf("the audit of the job for a reader is %v", err)
	}
}

package jobs_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/carillon-go/carillon/jobs"
)

// TestClient_HandOver_audit: who reads the audit sees what a hand-over took away, and nothing that it did not.
func TestClient_HandOver_audit(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		spec func(*jobs.JobSpec)
		want []string
	}{
		"on, with a secret": {
			func(s *jobs.JobSpec) { s.Data = json.RawMessage(`{"warehouse":"HAM","password":"a secret of mine"}`) },
			[]string{"mara owner job ok r2 ownerId", "mara disable job ok r2 ", "mara secret.set job ok r2 data.password"},
		},
		"off, without one": {func(s *jobs.JobSpec) { s.Disabled = true }, []string{"mara owner job ok r2 ownerId"}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHouse(t)
			j := h.job(h.as("mara"), tt.spec)
			before := len(h.audit())
			got, err := h.as("mara").HandOver(t.Context(), ref(j), "otto", false, jobs.Precondition{})
			if err != nil {
				t.Fatal(err)
			}
			if got.OwnerID != "otto" || got.Enabled || strings.Contains(string(got.Data), "secret") || len(got.Secrets) != 0 {
				t.Errorf("the job is %+v", got)
			}
			if d := cmp.Diff(tt.want, h.audit()[before:]); d != "" {
				t.Errorf("audit (-want +got):\n%s", d)
			}
			if !got.UpdatedAt.After(j.UpdatedAt) {
				t.Errorf("UpdatedAt is %s, before it was %s", got.UpdatedAt, j.UpdatedAt)
			}
		})
	}
}

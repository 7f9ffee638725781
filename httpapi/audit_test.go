package httpapi_test

import (
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/carillon-go/carillon/jobs"
)

// TestAudit_origin: a row names the request by the id that its answer had, and the address that it came from.
func TestAudit_origin(t *testing.T) {
	w := newWorld(t)
	r := httptest.NewRequestWithContext(t.Context(), "POST", "/api/jobs", strings.NewReader(`{"type":"ok","name":"Stock"}`))
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set(callerHeader, "mara")
	r.RemoteAddr = "192.0.2.7:4711"
	answer := httptest.NewRecorder()
	w.api.ServeHTTP(answer, r)
	page, err := w.as("boss").Audit(t.Context(), jobs.AuditQuery{})
	if err != nil || answer.Code != 201 || page.Total != 1 {
		t.Fatalf("status %d, then %d rows, %v", answer.Code, page.Total, err)
	}
	row := page.Items[0]
	if row.RequestID != answer.Header().Get("X-Request-Id") || row.Address != "192.0.2.7" || row.Actor != "mara" || row.Action != jobs.AuditCreate {
		t.Errorf("the row is %+v, the answer was %v", row, answer.Header())
	}
}

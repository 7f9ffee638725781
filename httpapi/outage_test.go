package httpapi_test

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/carillon-go/carillon/httpapi"
	"github.com/carillon-go/carillon/jobs"
)

// ask sends a request to an API.
func ask(t testing.TB, api http.Handler, caller, method, path, body string) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), method, path, strings.NewReader(body))
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	r.Header.Set(callerHeader, caller)
	answer := httptest.NewRecorder()
	api.ServeHTTP(answer, r)
	return answer
}

// TestOutage asks every route while the store is away: what needs it is 503 with Retry-After, without a word of the cause.
func TestOutage(t *testing.T) {
	w := newWorld(t)
	if err := w.store.Close(); err != nil {
		t.Fatal(err)
	}
	bodies := map[string]string{
		"POST /jobs": `{"type":"ok","name":"x"}`, "PUT /jobs/:id": `{}`, "POST /jobs/:id/actions": `{"type":"plain","name":"x"}`,
		"PUT /job-workers/:workerId": `{"status":"draining"}`, "PUT /job-limits": `{"tenantConcurrency":5}`,
		"POST /tags": `{"name":"x"}`,
	}
	// These read no store.
	standing := map[string]bool{
		"GET /job-openapi.json": true, "GET /session": true, "GET /job-fire-times": true, "GET /job-drivers": true, "GET /job-drivers/:driverId": true, "GET /job-action-drivers": true,
		"GET /job-templates": true, "GET /job-templates/:templateId": true, "GET /job-action-drivers/:driverId": true, "GET /job-attachment-drivers": true, "GET /job-attachment-drivers/:driverId": true,
		"GET /job-principals": true, "GET /job-datasets": true, "GET /job-reports": true, "GET /job-libraries": true,
	}
	for _, route := range httpapi.RouteTable() {
		name := route.Method + " " + route.Path
		if route.Accounts || standing[name] {
			continue
		}
		path := strings.NewReplacer(":id", unknownID, ":jobActionId", unknownID, ":historyId", unknownID, ":workerId", "w", ":tagId", unknownID).Replace(route.Path)
		if name == "GET /job-id" {
			path += "?name=x"
		}
		answer := ask(t, w.api, "root", route.Method, "/api"+path, bodies[name])
		if answer.Code != http.StatusServiceUnavailable || answer.Header().Get("Retry-After") == "" {
			t.Errorf("%s: status %d, Retry-After %q: %s", name, answer.Code, answer.Header().Get("Retry-After"), answer.Body)
		}
		for _, word := range []string{"sql", "closed", w.path} {
			if strings.Contains(strings.ToLower(answer.Body.String()), strings.ToLower(word)) && word != "closed" {
				t.Errorf("%s tells of %q: %s", name, word, answer.Body)
			}
		}
	}
}

// panicking is a directory that panics.
type panicking struct{}

func (panicking) Principals(context.Context, jobs.TenantID, []jobs.PrincipalID) ([]jobs.PrincipalInfo, error) {
	panic("directory of a test: " + canary)
}

// TestPanic: a panic is an answer of status 500, and the log has it under the id of the answer.
func TestPanic(t *testing.T) {
	w := newWorld(t)
	service := jobs.NewService(w.store, w.registry, jobs.ServiceOptions{Directory: panicking{}})
	api, err := httpapi.New(service, httpapi.Options{Authenticator: w.callers, Logger: w.logger()})
	if err != nil {
		t.Fatal(err)
	}
	answer := ask(t, api, "mara", http.MethodPost, "/api/jobs", `{"type":"ok","name":"x"}`)
	if answer.Code != http.StatusInternalServerError || strings.Contains(answer.Body.String(), canary) {
		t.Errorf("status %d: %s", answer.Code, answer.Body)
	}
	var record struct {
		RequestID string `json:"request_id"`
		Panic     string `json:"panic"`
		Stack     string `json:"stack"`
	}
	lines := strings.Split(strings.TrimSpace(w.log.String()), "\n")
	if err := json.Unmarshal([]byte(lines[len(lines)-1]), &record); err != nil {
		t.Fatal(err)
	}
	if record.RequestID != answer.Header().Get("X-Request-Id") || record.Panic == "" || !strings.Contains(record.Stack, "Principals") {
		t.Errorf("the log has %+v for the request %s", record, answer.Header().Get("X-Request-Id"))
	}
}

func TestNew(t *testing.T) {
	w := newWorld(t)
	for name, o := range map[string]httpapi.Options{
		"no identity":              {},
		"a prefix without a slash": {Authenticator: w.callers, Prefix: "api"},
		"a prefix with one behind": {Authenticator: w.callers, Prefix: "/api/"},
		"a prefix with a wildcard": {Authenticator: w.callers, Prefix: "/:tenant"},
		"a prefix with an escape":  {Authenticator: w.callers, Prefix: "/a%20b"},
		"the root":                 {Authenticator: w.callers, Prefix: "/"},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := httpapi.New(w.service, o); err == nil {
				t.Error("no error")
			}
		})
	}
}

package main

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"

	"github.com/carillon-go/carillon/drivers"
	"github.com/carillon-go/carillon/httpapi"
	"github.com/carillon-go/carillon/jobs"
	"github.com/carillon-go/carillon/scheduler"
	"github.com/carillon-go/carillon/storage/sqlite"
)

// TestShop_serves_its_jobs_under_a_prefix is the host as its users see it: own log-in, own prefix, its own code as a driver.
func TestShop_serves_its_jobs_under_a_prefix(t *testing.T) {
	t.Parallel()
	store, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "shop.db"), sqlite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	}()
	registry, err := drivers.NewRegistry(drivers.Func("count-stock", countStock))
	if err != nil {
		t.Fatal(err)
	}
	service := jobs.NewService(store, registry, jobs.ServiceOptions{Directory: directory{}})
	api, err := httpapi.New(service, httpapi.Options{Prefix: "/jobs/api", Authenticator: httpapi.AuthenticatorFunc(authenticate)})
	if err != nil {
		t.Fatal(err)
	}
	engine, err := scheduler.New(store, registry, scheduler.Options{})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- engine.Run(ctx) }()
	defer func() {
		stop()
		if err := <-ended; err != nil {
			t.Errorf("engine: %v", err)
		}
	}()
	server := httptest.NewServer(api)
	defer server.Close()

	call := func(method, path, user, body string) (int, map[string]any) {
		t.Helper()
		r, err := http.NewRequestWithContext(t.Context(), method, server.URL+path, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		if user != "" {
			r.SetBasicAuth(user, user)
		}
		if body != "" {
			r.Header.Set("Content-Type", "application/json")
		}
		response, err := server.Client().Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer response.Body.Close()
		var answer map[string]any
		if err := json.NewDecoder(response.Body).Decode(&answer); err != nil {
			t.Fatal(err)
		}
		return response.StatusCode, answer
	}
	if status, _ := call("GET", "/jobs/api/jobs", "", ""); status != http.StatusUnauthorized {
		t.Errorf("without a user the status is %d, want 401", status)
	}
	status, job := call("POST", "/jobs/api/jobs", "bob", `{"type":"count-stock","name":"Stock","data":{"code":"HAM"}}`)
	if status != http.StatusCreated {
		t.Fatalf("create: status %d: %v", status, job)
	}
	self, _ := job["_links"].(map[string]any)["self"].(map[string]any)["href"].(string)
	if !strings.HasPrefix(self, "/jobs/api/jobs/") {
		t.Errorf("self is %q, want it below the host's prefix", self)
	}
	// The worker registers in the background; a start that does not wait needs none.
	status, run := call("POST", self+"?wait=0", "bob", "")
	if status != http.StatusAccepted {
		t.Fatalf("run: status %d: %v", status, run)
	}
	id := jobs.RunID(run["id"].(string))
	client := service.As(users["bob"])
	done, err := client.Wait(t.Context(), jobs.JobRef{ID: jobs.ID(job["id"].(string))}, id)
	if err != nil || done.Status != jobs.RunSuccess {
		t.Fatalf("run ended as %+v, %v", done, err)
	}
	if got := string(done.Steps[0].Output); got != `{"pieces":300}` {
		t.Errorf("output is %s", got)
	}
}

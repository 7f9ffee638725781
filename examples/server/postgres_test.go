package main_test

import (
	"net/http"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/carillon-go/carillon/storage/postgres/postgrestest"
)

// TestPostgres_tour is TestTour on a server of PostgreSQL.
func TestPostgres_tour(t *testing.T) {
	t.Parallel()
	p := start(t, t.TempDir(), "-db", postgrestest.Blank(t), "-smtp", "smtp://127.0.0.1:1?tls=none&from=tour@carillon.example")
	out, err := exec.CommandContext(t.Context(), "bash", "tour.sh", p.url, token).CombinedOutput()
	if text := string(out); err != nil || !strings.Contains(text, "\ntour: ") {
		t.Fatalf("tour: %v\n%s", err, text[max(0, len(text)-3000):])
	}
}

// TestPostgres_two_nodes has the API on one node and workers on others; a worker that is killed is found by its counter alone.
func TestPostgres_two_nodes(t *testing.T) {
	t.Parallel()
	db, out, data := postgrestest.Blank(t), newEndpoint(t), t.TempDir()
	api := start(t, data, "-db", db, "-mode", "api", "-heartbeat", "1s", "-timeout", "2s")
	job := api.caller(out, "PUT", "/work")
	path := api.begin(job)
	events := api.watch(path)
	until(t, events, "status")
	release := out.hold("/work")
	worker := start(t, data, "-db", db, "-mode", "worker")
	first := out.next(t, "/work")
	until(t, events, "status")
	start(t, data, "-db", db, "-mode", "worker")
	worker.kill()
	resumed(t, first, out.next(t, "/work"))
	release()
	if end, _ := until(t, events, "end"); end.data["status"] != "success" || end.data["attempt"] != 2.0 {
		t.Errorf("the run ended as %v", end.data)
	}
	if run := api.must(http.StatusOK, "POST", job, nil); run["status"] != "success" {
		t.Errorf("a run that is waited for: %v", run)
	}
}

// TestPostgres_key: a node that has not the key of the others does not start, and makes none.
func TestPostgres_key(t *testing.T) {
	t.Parallel()
	db := postgrestest.Blank(t)
	first := start(t, t.TempDir(), "-db", db)
	first.terminate()
	first.ends(0)
	folder := t.TempDir()
	path, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	output, err := exec.CommandContext(t.Context(), path, "-addr", "127.0.0.1:0", "-data", folder, "-db", db).CombinedOutput()
	if err == nil || !strings.Contains(string(output), "another node has made one") {
		t.Errorf("a node without the key: %v\n%s", err, output)
	}
	if found, err := filepath.Glob(filepath.Join(folder, "*.key")); err != nil || len(found) > 0 {
		t.Errorf("it left %v, %v", found, err)
	}
}

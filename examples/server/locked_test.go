package main_test

import (
	"database/sql"
	"net/http"
	"path/filepath"
	"testing"
)

// TestServer_on_a_locked_database: another process holds the database for longer than anybody waits for it. Writes are refused with 503,
// reads go on, and nothing of what happened meanwhile is lost.
func TestServer_on_a_locked_database(t *testing.T) {
	t.Parallel()
	out, data := newEndpoint(t), t.TempDir()
	p := start(t, data)
	release := out.hold("/slow")
	slow, other := p.caller(out, "POST", "/slow"), p.caller(out, "POST", "/other")
	ringing := p.must(http.StatusCreated, "POST", "/jobs", map[string]any{
		"type": "api-call", "name": "Ring", "interval": "1 second", "data": map[string]any{"url": out.URL + "/ring"},
		"policies": map[string]any{"misfire": "all"},
	})
	path := p.begin(slow)
	out.next(t, "/slow")
	out.next(t, "/ring")
	events := p.watch(path)

	db, err := sql.Open("sqlite", filepath.Join(data, "carillon.db"))
	if err != nil {
		t.Fatal(err)
	}
	conn, err := db.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	lock := func(statement string) {
		t.Helper()
		if _, err := conn.ExecContext(t.Context(), statement); err != nil {
			t.Fatal(err)
		}
	}
	lock("PRAGMA busy_timeout = 60000")
	lock("BEGIN EXCLUSIVE")
	release() // the step ends, and that cannot be recorded
	for _, c := range []struct{ method, path string }{{"POST", other + "?wait=0"}, {"PUT", other}} {
		response, err := p.send(c.method, c.path, map[string]any{}, nil)
		if err != nil {
			t.Fatal(err)
		}
		if err := response.Body.Close(); err != nil {
			t.Error(err)
		}
		if c.method == "POST" && (response.StatusCode != http.StatusServiceUnavailable || response.Header.Get("Retry-After") == "") {
			t.Errorf("%s %s: status %d, Retry-After %q, want 503", c.method, c.path, response.StatusCode, response.Header.Get("Retry-After"))
		}
	}
	if run := p.must(http.StatusOK, "GET", path, nil); run["status"] != "running" {
		t.Errorf("nothing can be recorded, and the run is %v", run["status"]) // P10
	}
	lock("ROLLBACK")
	if err := conn.Close(); err != nil {
		t.Error(err)
	}
	if err := db.Close(); err != nil {
		t.Error(err)
	}

	if end, _ := until(t, events, "end"); end.data["status"] != "success" || end.data["attempt"] != 1.0 {
		t.Errorf("the run that ended while the database was locked: %v", end.data)
	}
	if total := p.must(http.StatusOK, "GET", other+"/history", nil)["total"]; total != 0.0 {
		t.Errorf("the refused run was started: total %v", total)
	}
	if run := p.must(http.StatusOK, "POST", other, nil); run["status"] != "success" {
		t.Errorf("a run after the lock: %v", run)
	}
	out.next(t, "/ring")
	p.must(http.StatusOK, "PUT", "/jobs/"+id(ringing), map[string]any{"enabled": false})
	awaitQuiet(t, p, id(ringing))
	checkLedger(t, p, id(ringing))
	p.terminate()
	p.ends(0)
	checkDatabase(t, data)
}

package main_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
)

// TestServer_in_two_processes has the API in one process and the worker in another, on one folder.
func TestServer_in_two_processes(t *testing.T) {
	t.Parallel()
	out, data := newEndpoint(t), t.TempDir()
	api := start(t, data, "-mode", "api")
	job := api.caller(out, "PUT", "/work")
	if status, answer := api.call("POST", job, nil); status != http.StatusServiceUnavailable {
		t.Errorf("a run that is waited for, without a worker: status %d, %v", status, answer)
	}
	if total := api.must(http.StatusOK, "GET", job+"/history", nil)["total"]; total != 0.0 {
		t.Errorf("it was started all the same: total %v", total)
	}
	path := api.begin(job)
	events := api.watch(path)
	queued, _ := until(t, events, "status")
	release := out.hold("/work")
	worker := start(t, data, "-mode", "worker")
	if strings.Contains(worker.stdout.String(), "listens") || strings.Contains(worker.stdout.String(), "password") {
		t.Errorf("a worker alone says\n%s", worker.stdout)
	}
	first := out.next(t, "/work")
	running, _ := until(t, events, "status")
	if got := fmt.Sprint(queued.data["status"], running.data["status"]); got != "queuedrunning" {
		t.Errorf("the stream showed %s", got)
	}

	worker.kill()
	checkLiveDatabase(t, api, path)
	second := start(t, data, "-mode", "worker")
	resumed(t, first, out.next(t, "/work"))
	release()
	end, _ := until(t, events, "end")
	if end.data["status"] != "success" || end.data["attempt"] != 2.0 {
		t.Errorf("the run ended as %v", end.data)
	}
	// At once, and not after the time-out: the lock of the dead process was free (R7).
	if log := fmt.Sprint(api.must(http.StatusOK, "GET", path+"/logs", nil)); !strings.Contains(log, "its process has ended") {
		t.Errorf("the log of the run does not say why it was taken over: %s", log)
	}
	if run := api.must(http.StatusOK, "POST", job, nil); run["status"] != "success" {
		t.Errorf("a run that is waited for: %v", run)
	}

	// Each ends without the other.
	second.terminate()
	second.ends(0)
	api.must(http.StatusOK, "GET", path, nil)
	stream := api.watch(api.begin(job))
	until(t, stream, "status")
	api.terminate()
	api.ends(0)
	for e := range stream {
		t.Errorf("the stream of a queued run had %s before it ended", e.name)
	}
	checkDatabase(t, data)
}

// checkLiveDatabase: between the death of a worker and the next one the run is as it was.
func checkLiveDatabase(t *testing.T, api *process, path string) {
	t.Helper()
	if run := api.must(http.StatusOK, "GET", path, nil); run["status"] != "running" || run["success"] != nil {
		t.Errorf("nobody has looked for the dead worker, and the run is %v", run)
	}
}

// TestServer_first_start_of_several_processes_at_once: one of them makes key, database and user.
func TestServer_first_start_of_several_processes_at_once(t *testing.T) {
	t.Parallel()
	data, out := t.TempDir(), newEndpoint(t)
	var all []*process
	for _, mode := range []string{"api", "worker", "all", "worker"} {
		all = append(all, launch(t, nil, "-addr", "127.0.0.1:0", "-data", data, "-token", token, "-allow-private", "-mode", mode))
	}
	passwords := 0
	for i, p := range all {
		ready := "is active"
		if i%2 == 0 {
			ready = "listens on "
		}
		_, p.url, _ = strings.Cut(p.awaitLine(p.stdout, ready), ready)
		passwords += strings.Count(p.stdout.String(), "has the password")
	}
	if passwords != 1 {
		t.Errorf("%d passwords were shown, want one", passwords)
	}
	job := all[0].caller(out, "PUT", "/work")
	if run := all[2].must(http.StatusOK, "POST", job, nil); run["status"] != "success" {
		t.Errorf("a run across the processes: %v", run)
	}
	for _, p := range all {
		p.terminate()
	}
	for _, p := range all {
		p.ends(0)
	}
	checkDatabase(t, data)
}

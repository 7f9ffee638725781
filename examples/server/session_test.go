package main_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/carillon-go/carillon/drivers/mail/mailtest"
	"github.com/carillon-go/carillon/jobs"
)

// session is the session with curl of the README, against a real receiver and a real mail server.
type session struct {
	*process
	out  *endpoint
	mail *mailtest.Server
	job  string // path of the job
	// hook and alarm are its actions.
	hook, alarm jobs.ActionID
}

// readmeJob is the body of the job in the README.
var readmeJob = regexp.MustCompile(`(?s)\$A/jobs -d '(\{.*?\})'\n`)

// TestServer_keeps_what_the_README_shows takes the job from the README, so that the README stays true.
func TestServer_keeps_what_the_README_shows(t *testing.T) {
	t.Parallel()
	s := session{out: newEndpoint(t), mail: mailtest.Start(t, mailtest.Options{TLS: mailtest.PlainText})}
	s.process = start(t, t.TempDir(), "-smtp", s.mail.URL())
	s.create()
	s.showsFireTimes()
	s.succeeds()
	s.retriesAndAlarms()
	s.cancels()
	s.previews()
	s.explainsFires()
	s.terminate()
	s.ends(0)
}

func (s *session) create() {
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		s.t.Fatal(err)
	}
	var bodies []map[string]any
	for _, found := range readmeJob.FindAllSubmatch(readme, -1) {
		body := map[string]any{}
		if err := json.Unmarshal([]byte(strings.ReplaceAll(string(found[1]), "http://127.0.0.1:9000", s.out.URL)), &body); err != nil {
			s.t.Fatal(err)
		}
		bodies = append(bodies, body)
	}
	if len(bodies) != 2 {
		s.t.Fatalf("the README has %d jobs to create, want one and one of a template", len(bodies))
	}
	bodies[1]["enabled"] = false // its calls would be counted
	if made := s.must(http.StatusCreated, "POST", "/jobs", bodies[1]); made["interval"] != "5 minutes" {
		s.t.Fatalf("the job of the template is %v", made)
	}
	body := bodies[0]
	body["interval"], body["timezone"] = "30 5 * * 1-5", "Europe/Berlin" // explainsFires makes it ring
	job := s.must(http.StatusCreated, "POST", "/jobs", body)
	s.job = "/jobs/main:stock-count"
	actions := embedded(s.must(http.StatusOK, "GET", s.job+"/actions", nil), "inf:job-action")
	if len(actions) != 2 || job["naturalId"] != "main:stock-count" {
		s.t.Fatalf("the job is %v with actions %v", job, actions)
	}
	s.hook, s.alarm = jobs.ActionID(id(actions[0])), jobs.ActionID(id(actions[1]))
}

// showsFireTimes is the example of contract 11.1, over a change of the clock.
func (s *session) showsFireTimes() {
	s.t.Helper()
	got := s.must(http.StatusOK, "GET",
		"/job-fire-times?interval=30%205%20*%20*%201-5&timezone=Europe/Berlin&count=3&from=2026-03-26T12:00:00Z", nil)["fireTimes"]
	want := []any{"2026-03-27T04:30:00.000Z", "2026-03-30T03:30:00.000Z", "2026-03-31T03:30:00.000Z"}
	if diff := cmp.Diff(want, got); diff != "" {
		s.t.Errorf("fire times (-want +got):\n%s", diff)
	}
}

// begin starts a run and gives its path.
func (s *session) begin() string {
	s.t.Helper()
	return s.job + "/history/" + id(s.must(http.StatusAccepted, "POST", s.job+"?wait=0", nil))
}

func (s *session) succeeds() {
	s.t.Helper()
	path := s.begin()
	end, before := until(s.t, s.watch(path), "end")
	if !strings.Contains(strings.Join(before, " "), "progress") {
		s.t.Errorf("the stream had %v before its end", before)
	}
	s.demand(end.data, "success", "success", "success", "skipped")
	run := jobs.RunID(id(end.data))
	s.sent(s.out.next(s.t, "/stock"), "GET", run, jobs.ActionID("driver"), 1)
	s.sent(s.out.next(s.t, "/hook"), "POST", run, s.hook, 1)
	s.out.quiet(s.t)
	stock := end.data["data"].(map[string]any)["driver"].(map[string]any)["body"]
	if diff := cmp.Diff(map[string]any{"stock": 7.0}, stock); diff != "" {
		s.t.Errorf("output of the driver step (-want +got):\n%s", diff)
	}
	stored := s.must(http.StatusOK, "GET", path, nil)
	if diff := cmp.Diff(stored, end.data); diff != "" {
		s.t.Errorf("the history and the end of the stream differ:\n%s", diff)
	}
	s.must(http.StatusOK, "GET", path+"/logs", nil)
}

// retriesAndAlarms: the receiver is broken; each try carries one key, then the alarm goes out.
func (s *session) retriesAndAlarms() {
	s.t.Helper()
	s.out.answer("/hook", http.StatusInternalServerError)
	end := s.finish(s.begin())
	run := jobs.RunID(id(end))
	s.demand(end, "error", "success", "error", "success")
	s.sent(s.out.next(s.t, "/stock"), "GET", run, jobs.ActionID("driver"), 1)
	for attempt := 1; attempt <= 3; attempt++ {
		s.sent(s.out.next(s.t, "/hook"), "POST", run, s.hook, attempt)
	}
	s.out.quiet(s.t)
	s.out.answer("/hook", http.StatusOK)

	ctx, cancel := context.WithTimeout(s.t.Context(), patience)
	defer cancel()
	mails, err := s.mail.Wait(ctx, 1)
	if err != nil {
		s.t.Fatal(err)
	}
	if got := mails[0]; len(mails) != 1 || strings.Join(got.To, " ") != "ops@example.org" || got.From != mailtest.From ||
		got.Header.Get("Subject") != "Stock count failed" || !strings.Contains(got.Data, "success, see the history") {
		s.t.Errorf("%d mails, the first from %s to %s:\n%s", len(mails), got.From, got.To, got.Data)
	}
	if key := jobs.EffectKey(run, string(s.alarm)); !strings.HasPrefix(mails[0].Header.Get("Message-Id"), "<"+key+"@") {
		s.t.Errorf("Message-ID %s does not begin with the effect key %s", mails[0].Header.Get("Message-Id"), key)
	}
}

func (s *session) cancels() {
	s.t.Helper()
	release := s.out.hold("/stock")
	path := s.begin()
	events := s.watch(path)
	s.out.next(s.t, "/stock")
	s.must(http.StatusAccepted, "POST", path+"/_cancel", nil)
	end, _ := until(s.t, events, "end")
	release()
	s.demand(end.data, "canceled", "error", "skipped", "skipped")
	s.out.quiet(s.t) // no webhook
	s.must(http.StatusConflict, "POST", path+"/_cancel", nil)
	if n := len(s.mail.Messages()); n != 1 {
		s.t.Errorf("%d mails after a cancel, want the one of before", n)
	}
}

func (s *session) previews() {
	s.t.Helper()
	hook := s.must(http.StatusOK, "POST", s.job+"/actions/"+string(s.hook)+"/_preview", map[string]any{})
	output, _ := hook["output"].(map[string]any)
	if hook["success"] != true || output["method"] != "POST" || output["url"] != s.out.URL+"/hook" {
		s.t.Errorf("preview of the webhook: %v", hook)
	}
	alarm := s.must(http.StatusOK, "POST", s.job+"/actions/"+string(s.alarm)+"/_preview", map[string]any{})
	// Its text has a value that exists only in a run; the preview says so.
	if alarm["success"] != false || !strings.Contains(fmt.Sprint(alarm["error"]), "${driver.status}") {
		s.t.Errorf("preview of the mail: %v", alarm)
	}
	changed := s.must(http.StatusOK, "POST", s.job+"/actions/"+string(s.alarm)+"/_preview",
		map[string]any{"data": map[string]any{"text": "${job.name}"}})
	if output, _ := changed["output"].(map[string]any); changed["success"] != true || output["text"] != "Stock count" {
		s.t.Errorf("preview of the mail with another text: %v", changed)
	}
	s.out.quiet(s.t)
	if n := len(s.mail.Messages()); n != 1 {
		s.t.Errorf("a preview has sent a mail: %d", n)
	}
}

// explainsFires lets the job ring each second, one ring while the run before it is held up.
func (s *session) explainsFires() {
	s.t.Helper()
	release := s.out.hold("/stock")
	s.must(http.StatusOK, "PUT", s.job, map[string]any{"interval": "1 second", "intervalType": "simple"})
	s.out.next(s.t, "/stock")
	for skipped := 0; skipped == 0; {
		page := s.must(http.StatusOK, "GET", s.job+"/fires?outcome=skipped", nil)
		skipped = len(embedded(page, "inf:job-fire"))
	}
	release()
	s.out.next(s.t, "/hook")
	s.out.next(s.t, "/hook")
	s.must(http.StatusOK, "PUT", s.job, map[string]any{"enabled": false})
	awaitQuiet(s.t, s.process, "main:stock-count")
	checkLedger(s.t, s.process, "main:stock-count")
	outcomes := map[string]int{}
	for _, fire := range embedded(s.must(http.StatusOK, "GET", s.job+"/fires?limit=1000", nil), "inf:job-fire") {
		outcome := fmt.Sprint(fire["outcome"])
		outcomes[outcome]++
		if fire["historyId"] == nil && fire["reason"] == nil {
			s.t.Errorf("nothing explains the fire %v", fire)
		}
	}
	if outcomes["ran"] < 2 || outcomes["skipped"] < 1 {
		s.t.Errorf("outcomes %v; some ran, one was skipped", outcomes)
	}
}

// demand compares the status of a run and of its steps.
func (s *session) demand(run map[string]any, status string, steps ...string) {
	s.t.Helper()
	got := []string{}
	for _, entry := range run["progress"].([]any) {
		result, _ := entry.(map[string]any)["result"].(map[string]any)
		got = append(got, fmt.Sprint(result["status"]))
	}
	if diff := cmp.Diff(steps, got); diff != "" || run["status"] != status || run["success"] != (status == "success") {
		s.t.Errorf("run %v: status %v, success %v, want %s; steps (-want +got):\n%s", run["id"], run["status"], run["success"], status, diff)
	}
}

// sent compares a request with what the effect key has to be.
func (s *session) sent(r request, method string, run jobs.RunID, step jobs.ActionID, attempt int) {
	s.t.Helper()
	want := request{path: r.path, method: method, key: `"` + jobs.EffectKey(run, string(step)) + `"`, attempt: fmt.Sprint(attempt), body: r.body}
	if r != want {
		s.t.Errorf("the receiver got %+v, want %+v", r, want)
	}
}

// TestServer_writes_no_secret looks for secrets in everything that a server writes: output, log, files and answers (R63, R64).
func TestServer_writes_no_secret(t *testing.T) {
	t.Parallel()
	out := newEndpoint(t)
	mails := mailtest.Start(t, mailtest.Options{TLS: mailtest.PlainText, Username: "jobs", Password: "canary-of-the-mail-server"})
	data := t.TempDir()
	p := start(t, data, "-log", "debug", "-smtp", mails.URL())
	job := p.must(http.StatusCreated, "POST", "/jobs", map[string]any{
		"type": "api-call", "name": "Secretive",
		"data": map[string]any{"url": out.URL + "/a", "secretHeaders": map[string]any{"X-Key": "canary-of-the-header"}},
		"actions": []any{
			map[string]any{
				"type": "webhook", "name": "Sign", "data": map[string]any{"url": out.URL + "/b", "secret": "canary-of-the-webhook"},
			},
			map[string]any{
				"type": "email", "name": "Mail", "data": map[string]any{"to": []any{"a@example.org"}, "subject": "s", "text": "t"},
			},
		},
	})
	end := p.finish("/jobs/" + id(job) + "/history/" + id(p.must(http.StatusAccepted, "POST", "/jobs/"+id(job)+"?wait=0", nil)))
	if end["status"] != "success" || len(mails.Messages()) != 1 || mails.Messages()[0].Username != "jobs" {
		t.Fatalf("run %v, mails %v", end, mails.Messages())
	}
	read := p.must(http.StatusOK, "GET", "/jobs/"+id(job), nil)
	p.terminate()
	p.ends(0)
	written := map[string]string{"stdout": p.stdout.String(), "stderr": p.stderr.String(), "run": fmt.Sprint(end), "job": fmt.Sprint(job, read)}
	err := filepath.WalkDir(data, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		written[path] = string(text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(written["stderr"], "level=") || !strings.Contains(written[filepath.Join(data, "carillon.db")]+
		written[filepath.Join(data, "carillon.db-wal")], "Secretive") {
		t.Fatal("log and files do not have what the test looks into")
	}
	for where, text := range written {
		for _, secret := range []string{"canary-of-", token} {
			if strings.Contains(text, secret) {
				t.Errorf("%s has the secret %s", where, secret)
			}
		}
	}
}

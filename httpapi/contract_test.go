package httpapi_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/carillon-go/carillon/httpapi"
	"github.com/carillon-go/carillon/jobs"
	"github.com/carillon-go/carillon/storage/sqlite/sqlitetest"
)

// TestContract tells the stories of testdata. Each file has a world of its own; after it the store is checked, and nothing that the
// world wrote holds the secret that the stories put in.
func TestContract(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("case files: %v, %v", files, err)
	}
	seen := newSeen()
	judge, err := theSpec()
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			f := readCases(t, file)
			s := &story{world: newWorld(t, storyOptions(f.options)...), t: t, vars: map[string]string{}, seen: seen, spec: judge}
			for _, option := range f.options {
				if option == "engine" {
					s.startEngine()
				}
				if option == "accounts" {
					s.useAccounts()
					s.vars["password"] = accountsPassword.Reveal()
				}
				if strings.HasPrefix(option, "prefix=") {
					s.spec = nil
				}
			}
			for _, c := range f.cases {
				if t.Run(c.name, func(t *testing.T) { s.tell(t, c) }); t.Failed() {
					t.Fatalf("the story of %s ends at line %d: what follows builds on it", file, c.line)
				}
			}
			s.check()
			s.findCanary()
		})
	}
	if !t.Failed() {
		seen.complete(t)
	}
}

func storyOptions(names []string) []func(*httpapi.Options) {
	var change []func(*httpapi.Options)
	for _, name := range names {
		if prefix, ok := strings.CutPrefix(name, "prefix="); ok {
			change = append(change, func(o *httpapi.Options) { o.Prefix = prefix })
		}
	}
	return change
}

// story is a case file that is being told.
type story struct {
	*world
	t    *testing.T
	vars map[string]string
	seen *seenStatuses
	// spec judges every exchange; nil for a world below another prefix, where its paths are none.
	spec *spec
}

func (s *story) tell(t *testing.T, c fileCase) {
	t.Helper()
	if c.command != "" {
		s.command(t, c.command)
		return
	}
	answer := s.send(t, c)
	body := answer.Body.String()
	if answer.Code != c.status {
		t.Fatalf("line %d: %s %s gives %d, want %d: %.800s", c.line, c.method, c.path, answer.Code, c.status, body)
	}
	checkAnswer(t, c, answer)
	if !strings.HasPrefix(c.path, "//") && strings.Contains(answer.Header().Get("Content-Type"), "json") {
		checkLinks(t, answer.Body.Bytes())
	}
	for _, line := range c.wantHeaders {
		s.checkHeader(t, line, answer.Header())
	}
	if c.want == "" {
		return
	}
	text := s.expand(t, c.want)
	if strings.HasPrefix(text, "event-stream ") {
		checkEvents(t, body, strings.TrimPrefix(text, "event-stream "))
		return
	}
	var got, want any
	decode(t, "answer", body, &got)
	decode(t, "wanted body", text, &want)
	if err := match("body", got, want, s.vars); err != nil {
		t.Fatalf("line %d: %s %s: %v\n%.2000s", c.line, c.method, c.path, err, body)
	}
}

func decode(t testing.TB, what, text string, into *any) {
	t.Helper()
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	if err := d.Decode(into); err != nil {
		t.Fatalf("%s is no JSON: %v: %.500s", what, err, text)
	}
}

func (s *story) expand(t testing.TB, text string) string {
	t.Helper()
	out, err := expand(text, s.vars)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// send carries out the request of a case.
func (s *story) send(t testing.TB, c fileCase) *httptest.ResponseRecorder {
	t.Helper()
	path, body := s.expand(t, c.path), s.expand(t, c.body)
	if !strings.HasPrefix(path, "//") {
		path = "/api" + path
	} else {
		path = path[1:]
	}
	r := httptest.NewRequestWithContext(t.Context(), c.method, path, strings.NewReader(body))
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	switch {
	case c.caller == "":
	case s.accounts != nil:
		s.prove(r, c.caller)
	default:
		r.Header.Set(callerHeader, c.caller)
	}
	for _, line := range c.headers {
		name, value, ok := strings.Cut(s.expand(t, line), ": ")
		if !ok {
			r.Header.Del(strings.TrimPrefix(name, "-"))
			continue
		}
		r.Header.Add(name, value)
	}
	w := httptest.NewRecorder()
	s.api.ServeHTTP(w, r)
	s.seen.note(c.method, r.URL.Path, w.Code)
	if s.spec != nil {
		s.spec.judge(t, r, body, w)
	}
	if strings.Contains(w.Body.String(), canary) || strings.Contains(fmt.Sprint(w.Header()), canary) {
		t.Errorf("line %d: the answer holds the secret: %.500s", c.line, w.Body.String())
	}
	return w
}

// checkAnswer holds what is true for every answer (contract 1.6, 1.9, 1.10).
func checkAnswer(t testing.TB, c fileCase, w *httptest.ResponseRecorder) {
	t.Helper()
	h := w.Header()
	if !jobs.ValidUUID(h.Get("X-Request-Id")) || h.Get("X-Content-Type-Options") != "nosniff" || h.Get("Cache-Control") == "" {
		t.Errorf("headers of every answer are missing: %v", h)
	}
	if empty := w.Code == http.StatusNoContent || w.Code == http.StatusNotModified || c.method == http.MethodHead; empty {
		if w.Body.Len() > 0 {
			t.Errorf("%s with status %d has a body: %s", c.method, w.Code, w.Body)
		}
		return
	}
	need := map[int]string{
		http.StatusCreated: "Location", http.StatusAccepted: "", http.StatusUnauthorized: "WWW-Authenticate",
		http.StatusMethodNotAllowed: "Allow", http.StatusServiceUnavailable: "Retry-After",
	}
	if name := need[w.Code]; name != "" && h.Get(name) == "" {
		t.Errorf("status %d without the header %s", w.Code, name)
	}
	if w.Code < 400 {
		return
	}
	var body any
	decode(t, "error", w.Body.String(), &body)
	want := map[string]any{
		"statusCode": json.Number(fmt.Sprint(w.Code)), "error": http.StatusText(w.Code), "message": "<string>",
	}
	if err := match("error", body, want, nil); err != nil {
		t.Error(err)
	}
	if h.Get("Content-Type") != "application/json; charset=utf-8" {
		t.Errorf("an error has the type %q", h.Get("Content-Type"))
	}
}

func (s *story) checkHeader(t testing.TB, line string, h http.Header) {
	t.Helper()
	if name, absent := strings.CutPrefix(line, "-"); absent {
		if h.Get(name) != "" {
			t.Errorf("header %s is %q, want it absent", name, h.Get(name))
		}
		return
	}
	name, want, ok := strings.Cut(line, ": ")
	if !ok {
		t.Fatalf("bad line: < %s", line)
	}
	if err := matchHeader(h.Get(name), s.expand(t, want), s.vars); err != nil {
		t.Errorf("%s: %v", name, err)
	}
}

// checkEvents compares the names of the events of a stream, and that their ids grow.
func checkEvents(t testing.TB, body, want string) {
	t.Helper()
	var names []string
	last := int64(-1)
	for _, e := range parseEvents(t, body) {
		names = append(names, e.name)
		if e.id < last {
			t.Errorf("event %d comes after event %d", e.id, last)
		}
		last = e.id
	}
	if got := strings.Join(names, " "); got != strings.TrimSpace(want) {
		t.Errorf("events are %q, want %q", got, want)
	}
}

// findCanary looks through all that the world has written.
func (s *story) findCanary() {
	s.t.Helper()
	for _, suffix := range []string{"", "-wal"} {
		data, err := os.ReadFile(s.path + suffix)
		if err != nil && !os.IsNotExist(err) {
			s.t.Fatal(err)
		}
		if strings.Contains(string(data), canary) {
			s.t.Errorf("the database file %q holds the secret", suffix)
		}
	}
	if log := s.log.String(); strings.Contains(strings.ReplaceAll(log, " is down: "+canary, ""), canary) {
		s.t.Errorf("the log holds the secret: %s", log)
	}
}

// command carries out a line that is no request: things that happen outside HTTP.
func (s *story) command(t testing.TB, line string) {
	t.Helper()
	words := strings.Fields(s.expand(t, line))
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	arg := func(i int) string {
		if i >= len(words) {
			t.Fatalf("command %q needs more words", line)
		}
		return words[i]
	}
	var err error
	switch words[0] {
	case "await": // await RUN STATUS
		s.await(jobs.RunID(arg(1)), arg(2))
	case "release": // one run of the driver "block" goes on
		err = s.gate.release(ctx)
	case "files": // files N: so many contents are stored, all of them named by revisions
		s.storedFiles(t, arg(1))
	case "fill": // the tenant has as many bytes of files as it may have
		_, used, usageErr := s.store.FileUsage(ctx, "globex")
		err = errors.Join(usageErr, s.store.AddFile(ctx, time.Now(), "globex", jobs.NewBlobKey(), jobs.MaxFileBytesPerTenant-used))
	case "close": // the API shuts down
		s.api.Close()
	case "share": // share JOB PRINCIPAL LEVEL
		var level int
		if _, err = fmt.Sscan(arg(3), &level); err == nil {
			s.share(jobs.ID(arg(1)), arg(2), jobs.Level(level))
		}
	case "draft": // draft JOB USER: a draft without its routes, as {{draft}}
		s.vars["draft"] = string(s.draft(jobs.ID(arg(1)), jobs.PrincipalID(arg(2))))
	case "lose-definition": // lose-definition JOB: a fault of the disk takes the newest definition away
		sqlitetest.Lose(t, s.path, jobs.ID(arg(1)))
	case "datasets": // datasets down, datasets up: the provider fails, or works again
		s.datasets.down.Store(arg(1) == "down")
	case "grant": // grant DATASET PRINCIPAL RIGHTS, words of read, refresh and snapshot, or none
		s.datasets.Grant("globex", jobs.DatasetID(arg(1)), jobs.PrincipalID(arg(2)), rightsOf(arg(3)))
	case "plan": // plan MOMENT: the planner runs at that time
		var now time.Time
		if now, err = time.Parse(time.RFC3339, arg(1)); err == nil {
			_, err = s.store.Plan(ctx, now, 100)
		}
	case "worker": // worker ID TYPES: a worker appears
		now := time.Now().UTC().Truncate(time.Millisecond)
		err = s.store.RegisterWorker(ctx, now, jobs.Worker{
			ID: jobs.WorkerID(arg(1)), Hostname: "host-" + arg(1), PID: 4711, Version: "1.0", Status: jobs.WorkerActive, Concurrency: 8,
			JobTypes: strings.Split(arg(2), ","), ActionTypes: []string{"plain"}, StartedAt: now, HeartbeatAt: now,
		})
	case "lose": // lose ID: others take the worker over
		_, err = s.store.TakeOver(ctx, time.Now().UTC().Truncate(time.Millisecond), jobs.WorkerID(arg(1)), 0, "worker lost")
	case "stop": // stop ID
		err = s.store.StopWorker(ctx, time.Now().UTC().Truncate(time.Millisecond), jobs.WorkerID(arg(1)))
	case "full": // full USER: the user is in as many teams as can be
		for i := 0; i < jobs.MaxTeamsPerUser && err == nil; i++ {
			err = s.store.InsertTeam(ctx, jobs.Team{
				Tenant: "globex", ID: jobs.TeamID(fmt.Sprint("t", i)), Name: "T", Members: []jobs.Member{{User: jobs.PrincipalID(arg(1)), Role: jobs.RoleMember}},
			})
		}
	case "user": // user NAME WORDS
		s.user(arg(1), words[2:]...)
	default:
		t.Fatalf("unknown command %q", line)
	}
	if err != nil {
		t.Fatalf("%s: %v", line, err)
	}
}

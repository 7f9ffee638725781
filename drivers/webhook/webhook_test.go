package webhook_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/carillon-go/carillon/drivers/safehttp"
	"github.com/carillon-go/carillon/drivers/webhook"
	"github.com/carillon-go/carillon/jobs"
)

// receiver keeps what it gets and answers as its function says.
type receiver struct {
	*httptest.Server

	mu     sync.Mutex // guards the fields below
	got    []received
	answer http.HandlerFunc
}

type received struct {
	method string
	path   string
	header http.Header
	body   string
}

func startReceiver(t testing.TB, answer http.HandlerFunc) *receiver {
	t.Helper()
	r := &receiver{answer: answer}
	r.Server = httptest.NewServer(r)
	t.Cleanup(r.Close)
	return r
}

func (r *receiver) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	body, err := io.ReadAll(req.Body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	r.mu.Lock()
	r.got = append(r.got, received{req.Method, req.URL.Path, req.Header.Clone(), string(body)})
	r.mu.Unlock()
	if r.answer != nil {
		r.answer(w, req)
	}
}

func (r *receiver) requests() []received {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]received(nil), r.got...)
}

func newDriver(t testing.TB, p safehttp.Policy) *webhook.Driver {
	t.Helper()
	client, err := safehttp.New(p)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	return webhook.New(client)
}

func loopback(t testing.TB) *webhook.Driver {
	t.Helper()
	return newDriver(t, safehttp.Policy{AllowPrivate: true})
}

func settings(t testing.TB, url string, more map[string]any) json.RawMessage {
	t.Helper()
	all := map[string]any{"url": url}
	for name, value := range more {
		all[name] = value
	}
	data, err := json.Marshal(all)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func newTask(data json.RawMessage) *jobs.Task {
	return &jobs.Task{
		JobID: "0b0e5a52-4c4c-4f0e-9b51-6a3f1f7f2d10", JobName: "Stock & more", RunID: "7d1c2b3a-4d5e-4f60-8a9b-0c1d2e3f4a5b",
		Data: data, Key: "abcdefghijklmnopqrstuvwxyz234567", Attempt: 1, RunStatus: jobs.RunWarning,
		StartedAt: time.Date(2026, 3, 26, 7, 0, 0, 123_456_789, time.FixedZone("", 3600)),
	}
}

func TestDriver_Run_defaultBody(t *testing.T) {
	t.Parallel()
	r := startReceiver(t, nil)
	for _, body := range []map[string]any{nil, {"body": nil}} {
		output, err := loopback(t).Run(t.Context(), newTask(settings(t, r.URL+"/hook?token=k", body)))
		if err != nil {
			t.Fatalf("Run: %v", err)
		}
		if want := "POST " + r.URL + "/hook answered 200"; output.Message != want {
			t.Errorf("message %q, want %q", output.Message, want)
		}
	}
	got := r.requests()[1]
	var summary map[string]any
	if err := json.Unmarshal([]byte(got.body), &summary); err != nil {
		t.Fatal(err)
	}
	want := map[string]any{
		"jobId": "0b0e5a52-4c4c-4f0e-9b51-6a3f1f7f2d10", "historyId": "7d1c2b3a-4d5e-4f60-8a9b-0c1d2e3f4a5b",
		"name": "Stock & more", "status": "warning", "startedAt": "2026-03-26T06:00:00.123Z",
	}
	if diff := cmp.Diff(want, summary); diff != "" {
		t.Errorf("summary (-want +got):\n%s", diff)
	}
	if got.method != "POST" || got.header.Get("Content-Type") != "application/json" {
		t.Errorf("request %s, type %q", got.method, got.header.Get("Content-Type"))
	}
	if _, signed := got.header["X-Signature-256"]; signed {
		t.Error("a request without a secret is signed")
	}
}

func TestDriver_Run_bodies(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		body, sent, contentType string
	}{
		"a text is sent as it is":     {`"<a>\u00e4"`, "<a>ä", "text/plain; charset=utf-8"},
		"an object is sent compact":   {`{"b": [1, 2.50], "a": "<>"}`, `{"b":[1,2.50],"a":"<>"}`, "application/json"},
		"a large number keeps digits": {`12345678901234567890`, `12345678901234567890`, "application/json"},
		"false is a body":             {`false`, `false`, "application/json"},
		"an empty text is no body":    {`""`, ``, "text/plain; charset=utf-8"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := startReceiver(t, nil)
			data := json.RawMessage(`{"url":"` + r.URL + `","secret":"k3","body":` + c.body + `}`)
			if _, err := loopback(t).Run(t.Context(), newTask(data)); err != nil {
				t.Fatalf("Run: %v", err)
			}
			got := r.requests()[0]
			if got.body != c.sent || got.header.Get("Content-Type") != c.contentType {
				t.Errorf("sent %q as %q, want %q as %q", got.body, got.header.Get("Content-Type"), c.sent, c.contentType)
			}
			if !webhook.Verify("k3", []byte(got.body), got.header.Get("X-Signature-256")) {
				t.Errorf("the signature %q does not fit the body", got.header.Get("X-Signature-256"))
			}
		})
	}
}

// The digest was computed with another program: printf '{"a":1}' | openssl dgst -sha256 -hmac 'it is a secret'
func TestVerify(t *testing.T) {
	t.Parallel()
	const good = "sha256=0ace452743dcf273f4d16c2c896e0bb430ecb6e68cbc3353d509213ce488c3c7"
	body := []byte(`{"a":1}`)
	if !webhook.Verify("it is a secret", body, good) {
		t.Error("Verify of a good signature = false")
	}
	for name, c := range map[string]struct{ secret, body, signature string }{
		"another body":      {"it is a secret", `{"a":2}`, good},
		"another secret":    {"it is another", `{"a":1}`, good},
		"no secret":         {"", `{"a":1}`, good},
		"another algorithm": {"it is a secret", `{"a":1}`, strings.Replace(good, "sha256", "sha1", 1)},
		"no signature":      {"it is a secret", `{"a":1}`, ""},
		"a part of it":      {"it is a secret", `{"a":1}`, good[:30]},
		"the prefix alone":  {"it is a secret", `{"a":1}`, "sha256="},
	} {
		if webhook.Verify(c.secret, []byte(c.body), c.signature) {
			t.Errorf("Verify with %s = true", name)
		}
	}
}

func TestDriver_Run_headers(t *testing.T) {
	t.Parallel()
	r := startReceiver(t, nil)
	d := loopback(t)
	task := newTask(settings(t, r.URL, map[string]any{"headers": map[string]string{"x-own": "1", "content-type": "application/x-own"}}))
	own := newTask(settings(t, r.URL, map[string]any{"headers": map[string]string{"idempotency-key": "mine"}}))
	for attempt := 1; attempt <= 3; attempt++ {
		task.Attempt = attempt
		if _, err := d.Run(t.Context(), task); err != nil {
			t.Fatalf("Run: %v", err)
		}
	}
	if _, err := d.Run(t.Context(), own); err != nil {
		t.Fatalf("Run: %v", err)
	}
	var keys, attempts []string
	for _, got := range r.requests() {
		keys = append(keys, strings.Join(got.header["Idempotency-Key"], "|"))
		attempts = append(attempts, got.header.Get("X-Job-Attempt"))
	}
	const key = `"abcdefghijklmnopqrstuvwxyz234567"`
	if diff := cmp.Diff([]string{key, key, key, "mine"}, keys); diff != "" {
		t.Errorf("Idempotency-Key (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"1", "2", "3", "1"}, attempts); diff != "" {
		t.Errorf("X-Job-Attempt (-want +got):\n%s", diff)
	}
	if got := r.requests()[0].header; got.Get("X-Own") != "1" || got.Get("Content-Type") != "application/x-own" {
		t.Errorf("own headers: %v", got)
	}
}

func TestDriver_Run_cancelled(t *testing.T) {
	t.Parallel()
	arrived, release := make(chan struct{}), make(chan struct{})
	r := startReceiver(t, func(http.ResponseWriter, *http.Request) {
		close(arrived)
		<-release
	})
	defer close(release)
	ctx, cancel := context.WithCancelCause(t.Context())
	go func() {
		<-arrived
		cancel(jobs.ErrCanceled)
	}()
	_, err := loopback(t).Run(ctx, newTask(settings(t, r.URL, nil)))
	if err == nil || !strings.Contains(err.Error(), jobs.ErrCanceled.Error()) {
		t.Errorf("Run = %v, want the cause", err)
	}
	if got := jobs.AdviceOf(err); got != (jobs.RetryAdvice{Unclear: true}) {
		t.Errorf("advice %+v after a request that may have arrived", got)
	}
}

// The secret and the token must not show, whatever the receiver does with them.
func TestDriver_Run_secretsHidden(t *testing.T) {
	t.Parallel()
	const secret, token = "sesame-open-7", "tok-in-query-9"
	for name, answer := range map[string]http.HandlerFunc{
		"echo": func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("X-Echo", secret)
			io.WriteString(w, `{"echo":"`+secret+`"}`)
		},
		"refusal": func(w http.ResponseWriter, r *http.Request) { http.Error(w, "bad "+secret, http.StatusForbidden) },
		"break":   func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := startReceiver(t, answer)
			var log bytes.Buffer
			task := newTask(settings(t, r.URL+"/x?key="+token, map[string]any{"secret": secret}))
			task.Log = slog.New(slog.NewTextHandler(&log, nil))
			output, err := loopback(t).Run(t.Context(), task)
			text, jsonErr := json.Marshal(output)
			if jsonErr != nil {
				t.Fatal(jsonErr)
			}
			all := string(text) + log.String()
			if err != nil {
				all += err.Error()
			}
			if strings.Contains(all, secret) || strings.Contains(all, token) {
				t.Errorf("a secret shows in %s", all)
			}
			if !strings.Contains(all, r.URL+"/x") && name != "echo" {
				t.Errorf("the target does not show in %s", all)
			}
		})
	}
}

func TestDriver_Preview(t *testing.T) {
	t.Parallel()
	r := startReceiver(t, nil)
	task := newTask(settings(t, r.URL+"/p?q=1", map[string]any{
		"secret": "sesame-open-7", "headers": map[string]string{"x-a": "b"}, "body": map[string]any{"n": 1},
	}))
	preview, err := loopback(t).Preview(t.Context(), task)
	if err != nil {
		t.Fatalf("Preview: %v", err)
	}
	text, err := json.Marshal(preview)
	if err != nil {
		t.Fatal(err)
	}
	want := `{"method":"POST","url":"` + r.URL + `/p?q=1","headers":{"Content-Type":"application/json",` +
		`"Idempotency-Key":"\"abcdefghijklmnopqrstuvwxyz234567\"","User-Agent":"Carillon","X-A":"b","X-Job-Attempt":"1",` +
		`"X-Signature-256":"sha256=***"},"body":{"n":1}}`
	if string(text) != want {
		t.Errorf("Preview = %s\nwant %s", text, want)
	}
	if n := len(r.requests()); n != 0 {
		t.Errorf("a preview made %d requests", n)
	}
	task.Data = settings(t, "http://169.254.169.254/latest", nil)
	if _, err := loopback(t).Preview(t.Context(), task); err == nil || strings.Contains(err.Error(), "169.254") {
		t.Errorf("Preview of a refused target = %v", err)
	}
}

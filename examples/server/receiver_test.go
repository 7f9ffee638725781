package main_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"
)

// endpoint is a real HTTP server outside of the process under test, which answers as the test says.
type endpoint struct {
	*httptest.Server
	requests chan request

	mu      sync.Mutex // guards the fields below
	answers map[string]int
	holds   map[string]chan struct{}
	ended   chan struct{}
}

// request is what arrived.
type request struct{ path, method, key, attempt, body string }

func newEndpoint(t *testing.T) *endpoint {
	t.Helper()
	e := &endpoint{
		requests: make(chan request, 10_000), answers: map[string]int{}, holds: map[string]chan struct{}{}, ended: make(chan struct{}),
	}
	e.Server = httptest.NewServer(http.HandlerFunc(e.serve))
	t.Cleanup(func() {
		close(e.ended)
		e.Close()
	})
	return e
}

func (e *endpoint) serve(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return // the server under test was killed while it sent
	}
	e.mu.Lock()
	status, hold := e.answers[r.URL.Path], e.holds[r.URL.Path]
	e.mu.Unlock()
	e.requests <- request{r.URL.Path, r.Method, r.Header.Get("Idempotency-Key"), r.Header.Get("X-Job-Attempt"), string(body)}
	if hold != nil {
		select {
		case <-hold:
		case <-e.ended:
		case <-r.Context().Done():
		}
	}
	if status != 0 {
		w.WriteHeader(status)
	}
	fmt.Fprint(w, `{"stock":7}`)
}

// answer changes the status of the answers on a path.
func (e *endpoint) answer(path string, status int) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.answers[path] = status
}

// hold keeps requests on a path without an answer until release is called.
func (e *endpoint) hold(path string) (release func()) {
	held := make(chan struct{})
	e.mu.Lock()
	defer e.mu.Unlock()
	e.holds[path] = held
	return func() {
		e.mu.Lock()
		defer e.mu.Unlock()
		delete(e.holds, path)
		close(held)
	}
}

// next waits for a request on a path; others are passed over.
func (e *endpoint) next(t *testing.T, path string) request {
	t.Helper()
	limit := time.After(patience)
	for {
		select {
		case r := <-e.requests:
			if r.path == path {
				return r
			}
		case <-limit:
			t.Fatalf("no request to %s", path)
		}
	}
}

// quiet demands that nothing has arrived since the last look.
func (e *endpoint) quiet(t *testing.T) {
	t.Helper()
	select {
	case r := <-e.requests:
		t.Errorf("a request that nobody should have sent: %+v", r)
	default:
	}
}

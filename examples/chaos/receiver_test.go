//go:build unix

package chaos_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"
)

// receiver is a server outside of the nodes. It notes each attempt in the order in which they arrive.
type receiver struct {
	*httptest.Server

	mu       sync.Mutex // guards the fields below
	arrivals []arrival
	changed  chan struct{} // closed and replaced with each arrival
	// held says which attempts get no answer until release; nil: none. Those of a sender that goes away end.
	held    func(arrival) bool
	release chan struct{}
	// slow is how long each answer takes.
	slow time.Duration
}

func newReceiver(t *testing.T) *receiver {
	r := &receiver{changed: make(chan struct{})}
	r.Server = httptest.NewServer(http.HandlerFunc(r.serve))
	t.Cleanup(func() {
		r.letGo()
		r.Close()
	})
	return r
}

func (r *receiver) serve(w http.ResponseWriter, q *http.Request) {
	var a arrival
	if err := json.NewDecoder(q.Body).Decode(&a); err != nil {
		return // the node was killed while it sent
	}
	r.mu.Lock()
	r.arrivals = append(r.arrivals, a)
	close(r.changed)
	r.changed = make(chan struct{})
	release, slow := r.release, r.slow
	if r.held == nil || !r.held(a) {
		release = nil
	}
	r.mu.Unlock()
	if release != nil {
		select {
		case <-release:
		case <-q.Context().Done():
		}
	}
	if slow > 0 {
		timer := time.NewTimer(slow)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-q.Context().Done():
		}
	}
}

// hold keeps attempts that arrive from now on without an answer, until letGo or the function that it gives.
func (r *receiver) hold(which func(arrival) bool) (release func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	held := make(chan struct{})
	r.held, r.release = which, held
	return func() { close(held) }
}

// letGo answers what is held.
func (r *receiver) letGo() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.release != nil {
		close(r.release)
	}
	r.held, r.release = nil, nil
}

// all gives the arrivals so far.
func (r *receiver) all() ([]arrival, <-chan struct{}) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]arrival(nil), r.arrivals...), r.changed
}

// await gives the first arrival from number on that is the one.
func (r *receiver) await(t *testing.T, what string, from int, which func(arrival) bool) arrival {
	t.Helper()
	limit := time.After(patience)
	for {
		list, changed := r.all()
		for _, a := range list[from:] {
			if which(a) {
				return a
			}
		}
		select {
		case <-changed:
		case <-limit:
			t.Fatalf("the receiver waits in vain for %s", what)
		}
	}
}

// more waits until n attempts have arrived from now on.
func (r *receiver) more(t *testing.T, n int) {
	t.Helper()
	list, _ := r.all()
	left := n
	r.await(t, "more attempts", len(list), func(arrival) bool { left--; return left <= 0 && r.count() >= len(list)+n })
}

func (r *receiver) count() int {
	list, _ := r.all()
	return len(list)
}

package scheduler

import (
	"fmt"
	"sync"
	"time"
)

// HealthStatus sums up a Health.
type HealthStatus string

// Ok: all is well. Degraded: it works with less, or will soon work again. Failed: it does no work.
const (
	HealthOK       HealthStatus = "ok"
	HealthDegraded HealthStatus = "degraded"
	HealthFailed   HealthStatus = "failed"
)

// Health tells operators how the engine is (R70).
type Health struct {
	Status HealthStatus
	// Reasons has a sentence for everything that makes the status worse than ok.
	Reasons []string
	// Running is how many runs the worker executes now.
	Running int
	// LeakedSlots is how many slots are held now by drivers that ignored the end of their context.
	LeakedSlots int

	// What follows counts from the start of the scheduler.

	// Runs that ended on this worker.
	Runs int64
	// FenceRefusals are runs whose results the store refused because they had been taken away.
	FenceRefusals int64
	// UnclearOutcomes are step errors after which it is unknown whether the effect happened.
	UnclearOutcomes int64
	// LostWorkers are other workers that this one gave up; TakenOver the runs that it took from them.
	LostWorkers int64
	TakenOver   int64
	// Restarts are lives of this worker that others ended.
	Restarts int64
	// Leaks are all slots that were ever leaked.
	Leaks int64
	// StoreErrors are calls to the store that failed.
	StoreErrors int64
}

// degradedAfter is how long the store may fail before that is worth a reason (R22).
const degradedAfter = 5 * time.Second

// health gathers what Health tells.
type health struct {
	mu      sync.Mutex // guards the fields below
	facts   Health
	running bool
	// failing has, for each part of the engine whose last call to the store failed, since when and why.
	failing map[string]failure
	silent  bool
	refused string
	slots   int
}

type failure struct {
	since time.Time
	err   error
}

// Health may be called at any time, from any goroutine.
func (s *Scheduler) Health() Health { return s.health.read() }

func (h *health) read() Health {
	h.mu.Lock()
	defer h.mu.Unlock()
	out := h.facts
	out.Status = HealthOK
	worsen := func(status HealthStatus, format string, args ...any) {
		if out.Status != HealthFailed {
			out.Status = status
		}
		out.Reasons = append(out.Reasons, fmt.Sprintf(format, args...))
	}
	if !h.running {
		worsen(HealthFailed, "the scheduler is not running")
	}
	if h.silent {
		worsen(HealthFailed, "the worker stopped its work because it could not reach the store")
	}
	for _, part := range [...]string{"worker", "planner", "observer", "pruner"} {
		if f, ok := h.failing[part]; ok && elapsed(f.since) >= degradedAfter {
			worsen(HealthDegraded, "%s: the store has been failing since %s: %v", part, f.since.UTC().Format(time.RFC3339), f.err)
		}
	}
	if h.refused != "" {
		worsen(HealthDegraded, "no runs are claimed: %s", h.refused)
	}
	switch {
	case out.LeakedSlots == 0:
	case h.slots > 0 && out.LeakedSlots >= h.slots:
		worsen(HealthFailed, "all %d slots are held by drivers that did not stop", out.LeakedSlots)
	default:
		worsen(HealthDegraded, "%d slots are held by drivers that did not stop", out.LeakedSlots)
	}
	return out
}

// note changes the facts.
func (h *health) note(change func(*Health)) {
	h.mu.Lock()
	defer h.mu.Unlock()
	change(&h.facts)
}

// storeError notes that a call of a part failed.
func (h *health) storeError(part string, err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.facts.StoreErrors++
	f, ok := h.failing[part]
	if !ok {
		f.since = time.Now()
	}
	f.err = err
	if h.failing == nil {
		h.failing = map[string]failure{}
	}
	h.failing[part] = f
}

// storeWorks notes that a call of a part succeeded.
func (h *health) storeWorks(part string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.failing, part)
}

// turn notes what an exchange has told.
func (h *health) turn(running, slots int, refused string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.facts.Running, h.slots, h.refused = running, slots, refused
}

func (h *health) begin() { h.set(func() { h.running = true }) }
func (h *health) end()   { h.set(func() { h.running = false }) }

func (h *health) set(change func()) {
	h.mu.Lock()
	defer h.mu.Unlock()
	change()
}

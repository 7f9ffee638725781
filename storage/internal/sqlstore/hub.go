package sqlstore

import (
	"sync"

	"github.com/carillon-go/carillon/jobs"
)

// news is what a transaction has changed.
type news struct {
	topics jobs.Topic
	runs   map[jobs.RunID]struct{}
	// held: a claim has left due runs because of a limit.
	held bool
}

// News is what nodes tell each other of a commit: a hint, without ids (R14).
type News struct {
	Topics jobs.Topic
	// Held: a claim has left due runs because of a limit, so the next end of a run is news for whoever claims.
	Held bool
}

// Empty tells whether there is nothing to tell.
func (n News) Empty() bool { return n == News{} }

// Add puts the news of another commit to it.
func (n *News) Add(other News) {
	n.Topics |= other.Topics
	n.Held = n.Held || other.Held
}

// News is what the transaction has changed so far.
func (t *Tx) News() News { return News{t.news.topics, t.news.held} }

func (n *news) add(topics jobs.Topic) { n.topics |= topics }

// run notes that a run changed.
func (n *news) run(id jobs.RunID) {
	n.topics |= jobs.TopicRun
	if n.runs == nil {
		n.runs = map[jobs.RunID]struct{}{}
	}
	n.runs[id] = struct{}{}
}

// Hub wakes those who watch. It does nothing by itself: stores publish what they commit and call WakeAll for what others do.
type Hub struct {
	// Watching is called with true when the first watcher comes and with false when the last one goes, never twice at a time.
	watching func(bool)

	mu       sync.Mutex // guards the fields below
	watchers map[*watcher]struct{}
}

type watcher struct {
	topics jobs.Topic
	run    jobs.RunID
	wake   chan struct{}
}

// NewHub makes a hub. Watching may be nil.
func NewHub(watching func(bool)) *Hub {
	return &Hub{watching: watching, watchers: map[*watcher]struct{}{}}
}

// Watch is jobs.Watcher.
func (h *Hub) Watch(topics jobs.Topic, run jobs.RunID) (wake <-chan struct{}, stop func()) {
	w := &watcher{topics: topics, run: run, wake: make(chan struct{}, 1)}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.watchers[w] = struct{}{}
	if len(h.watchers) == 1 && h.watching != nil {
		h.watching(true)
	}
	return w.wake, func() { h.leave(w) }
}

func (h *Hub) leave(w *watcher) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if _, ok := h.watchers[w]; !ok {
		return
	}
	delete(h.watchers, w)
	if len(h.watchers) == 0 && h.watching != nil {
		h.watching(false)
	}
}

// publish wakes those whom the news concerns.
func (h *Hub) publish(n news) {
	if n.topics == 0 {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	for w := range h.watchers {
		if w.topics&n.topics == 0 {
			continue
		}
		if w.run != "" {
			if _, ok := n.runs[w.run]; !ok {
				continue
			}
		}
		w.signal()
	}
}

// Heard takes in what another node has committed.
func (c *Core) Heard(n News) {
	if n.Held {
		c.limited.Store(true)
	}
	if n.Topics != 0 {
		c.hub.wake(n.Topics)
	}
}

// Missed takes in that other nodes may have committed anything.
func (c *Core) Missed() {
	c.limited.Store(true)
	c.hub.WakeAll()
}

// wake wakes those who watch one of the topics, whatever run they watch.
func (h *Hub) wake(topics jobs.Topic) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for w := range h.watchers {
		if w.topics&topics != 0 {
			w.signal()
		}
	}
}

// WakeAll wakes everybody: another process has committed something.
func (h *Hub) WakeAll() {
	h.mu.Lock()
	defer h.mu.Unlock()
	for w := range h.watchers {
		w.signal()
	}
}

// signal leaves one signal; a second one would say nothing new.
func (w *watcher) signal() {
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

// Watch is jobs.Watcher.
func (c *Core) Watch(topics jobs.Topic, run jobs.RunID) (wake <-chan struct{}, stop func()) {
	return c.hub.Watch(topics, run)
}

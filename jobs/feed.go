package jobs

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"
)

// Limits of the feed.
const (
	// feedQueue is how many batches wait for a listener. One that falls further behind is dropped; it resumes by the number of its last event.
	feedQueue = 64
	// feedBatch is how many commits are read at a time.
	feedBatch = 256
	// feedPoll is the safety net below the notifications of the store, and the pause after a failed read. One loop does it for all listeners.
	feedPoll = 15 * time.Second
	// feedPause collects what happens at once, so that many commits are one look.
	feedPause = 50 * time.Millisecond
)

// Feed tells listeners what has changed of the things that they may see. One loop reads the news of the store for all of them; it runs while
// somebody listens. Safe for concurrent use.
type Feed struct {
	service *Service

	mu   sync.Mutex // guards the field below
	pump *feedPump
}

// NewFeed makes a feed. It does nothing until somebody listens.
func (s *Service) NewFeed() *Feed { return &Feed{service: s} }

// FeedEvent is something that has changed, as far as the listener may see it.
type FeedEvent struct {
	// Seq is the number to resume after.
	Seq  int64
	Kind NewsKind
	// Job is the job as it is now; nil with Removed: it is gone, or the listener can no longer read it.
	Job     *JobSummary
	JobID   ID
	Removed bool
	// RunID and Status are those of a run.
	RunID  RunID
	Status RunStatus
	// Worker is nil if it is removed.
	Worker   *Worker
	WorkerID WorkerID
}

// Listener receives what has changed. Close must be called.
type Listener struct {
	pump *feedPump
	feed *Feed
	// Head is the number of the newest commit when the listener came; what Backlog and Events tell is newer than what it asked for.
	Head int64
	// Reset: what happened since the listener was there last cannot be told any more; it has to read anew what it shows.
	Reset bool
	// Backlog is what happened between the number that was asked for and Head.
	Backlog []FeedEvent
	// Events gives batches. It is closed when the listener has fallen behind and was dropped: it may resume.
	Events <-chan []FeedEvent
	events chan []FeedEvent

	mu        sync.Mutex // guards the field below
	principal Principal
}

// Listen begins to listen as the principal of the client. After is the number of the last event that was seen; negative: only what comes.
func (f *Feed) Listen(ctx context.Context, c *Client, after int64) (*Listener, error) {
	if err := c.identified(); err != nil {
		return nil, err
	}
	l := &Listener{feed: f, principal: c.principal, events: make(chan []FeedEvent, feedQueue)}
	l.Events = l.events
	if err := f.join(ctx, l); err != nil {
		return nil, err
	}
	if after < 0 || after == l.Head {
		return l, nil
	}
	if err := l.catchUp(ctx, after); err != nil {
		l.Close()
		return nil, err
	}
	return l, nil
}

// join adds a listener to the pump that runs, or starts one.
func (f *Feed) join(ctx context.Context, l *Listener) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.pump == nil {
		page, err := f.service.store.News(ctx, -1, 1)
		if err != nil {
			return err
		}
		// The pump outlives the request of the listener that started it; it ends with the last one.
		life, cancel := context.WithCancel(context.WithoutCancel(ctx))
		p := &feedPump{service: f.service, head: page.Head, listeners: map[*Listener]struct{}{}, cancel: cancel, done: make(chan struct{})}
		f.pump = p
		go p.run(life)
	}
	l.pump = f.pump
	f.pump.mu.Lock()
	defer f.pump.mu.Unlock()
	l.Head = f.pump.head
	f.pump.listeners[l] = struct{}{}
	return nil
}

// Close ends listening. With the last listener it waits for the end of the loop.
func (l *Listener) Close() {
	l.feed.mu.Lock()
	p := l.pump
	last := p.leave(l)
	if last && l.feed.pump == p {
		l.feed.pump = nil
	}
	l.feed.mu.Unlock()
	if last {
		p.cancel()
		<-p.done
	}
}

// As changes who listens: its teams or rights may have changed.
func (l *Listener) As(p Principal) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.principal = p
}

func (l *Listener) who() Principal {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.principal
}

// catchUp reads what the listener has missed.
func (l *Listener) catchUp(ctx context.Context, after int64) error {
	for after < l.Head || after > l.Head {
		page, err := l.feed.service.store.News(ctx, after, feedBatch)
		if err != nil {
			return err
		}
		if page.Gap || after > l.Head {
			l.Reset, l.Backlog = true, nil
			return nil
		}
		news := slices.DeleteFunc(page.News, func(n News) bool { return n.Seq > l.Head })
		if len(news) == 0 {
			return nil
		}
		who := l.who()
		scene, err := l.feed.service.scene(ctx, who.Tenant, news)
		if err != nil {
			return err
		}
		events, reset := scene.eventsFor(who)
		if l.Backlog = append(l.Backlog, events...); reset || len(l.Backlog) > feedQueue*feedBatch {
			l.Reset, l.Backlog = true, nil
			return nil
		}
		after = news[len(news)-1].Seq
	}
	return nil
}

// feedPump is one life of the loop.
type feedPump struct {
	service *Service
	cancel  context.CancelFunc
	done    chan struct{}

	mu        sync.Mutex // guards the fields below
	head      int64
	listeners map[*Listener]struct{}
}

// leave reports whether the listener was there and was the last one.
func (p *feedPump) leave(l *Listener) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	_, there := p.listeners[l]
	delete(p.listeners, l)
	if there {
		close(l.events)
	}
	return len(p.listeners) == 0
}

func (p *feedPump) run(ctx context.Context) {
	defer close(p.done)
	wake, stop := p.service.store.Watch(TopicNews, "")
	defer stop()
	poll := time.NewTicker(feedPoll)
	defer poll.Stop()
	for {
		more, err := p.look(ctx)
		if err != nil && ctx.Err() == nil {
			p.service.options.Logger.WarnContext(ctx, "the feed of changes cannot be read", "err", err)
		}
		if more {
			continue
		}
		select {
		case <-wake:
		case <-poll.C:
		case <-ctx.Done():
			return
		}
		select { // what happens at once is one look
		case <-time.After(feedPause):
		case <-ctx.Done():
			return
		}
	}
}

// look reads what is new and tells the listeners; more: there may be more.
func (p *feedPump) look(ctx context.Context) (more bool, err error) {
	p.mu.Lock()
	after := p.head
	tenants := map[TenantID]bool{}
	for l := range p.listeners {
		tenants[l.who().Tenant] = true
	}
	p.mu.Unlock()
	page, err := p.service.store.News(ctx, after, feedBatch)
	if err != nil || page.Head == after {
		return false, err
	}
	if page.Gap {
		page.News = []News{{Seq: page.Head, Kind: NewsMany}}
	}
	scenes := map[TenantID]*feedScene{}
	for tenant := range tenants {
		if scenes[tenant], err = p.service.scene(ctx, tenant, page.News); err != nil {
			return false, err
		}
	}
	head := page.Head
	if n := len(page.News); n > 0 {
		head = page.News[n-1].Seq
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for l := range p.listeners {
		if scenes[l.who().Tenant] == nil && l.Head < head {
			return true, nil // the first one of its tenant came while this was read: once more, with its tenant
		}
	}
	for l := range p.listeners {
		if l.Head < head { // else it came while this was read, and its backlog has it
			who := l.who()
			p.tell(l, scenes[who.Tenant], who)
		}
	}
	p.head = head
	return head < page.Head, nil
}

// tell gives a listener its events. One that is too far behind, or that has to read anew, is dropped: its channel ends.
func (p *feedPump) tell(l *Listener, scene *feedScene, who Principal) {
	events, reset := scene.eventsFor(who)
	if !reset && len(events) == 0 {
		return
	}
	if !reset {
		select {
		case l.events <- events:
			return
		default:
		}
	}
	delete(p.listeners, l)
	close(l.events)
}

// feedScene is what some news are about, as it is now in one tenant.
type feedScene struct {
	news    []News
	jobs    map[ID]*JobSummary
	workers map[WorkerID]*Worker
}

// scene reads what news of a tenant are about: one look for all listeners of the tenant.
func (s *Service) scene(ctx context.Context, tenant TenantID, news []News) (*feedScene, error) {
	f := &feedScene{jobs: map[ID]*JobSummary{}, workers: map[WorkerID]*Worker{}}
	seen := map[any]bool{}
	var ids []ID
	for _, n := range slices.Backward(news) { // the newest of each thing says it all
		var key any
		switch {
		case n.Kind == NewsWorker:
			key = n.WorkerID
		case n.Kind != NewsMany && n.Tenant != tenant:
			continue
		case n.Kind == NewsRun:
			key = n.RunID
		case n.Kind == NewsJob && len(n.Lost) == 0:
			key = n.JobID
		}
		if key != nil && seen[key] {
			continue
		}
		seen[key] = true
		if n.JobID != "" && f.jobs[n.JobID] == nil {
			f.jobs[n.JobID] = &JobSummary{}
			ids = append(ids, n.JobID)
		}
		f.news = append(f.news, n)
	}
	slices.Reverse(f.news)
	clear(f.jobs)
	if len(ids) > 0 {
		found, err := s.store.SummariesOf(ctx, tenant, ids)
		if err != nil {
			return nil, err
		}
		for i := range found {
			f.jobs[found[i].ID] = &found[i]
		}
	}
	for _, n := range f.news {
		if n.Kind != NewsWorker {
			continue
		}
		w, err := s.store.Worker(ctx, n.WorkerID, tenant)
		if errors.Is(err, ErrNotFound) {
			continue
		}
		if err != nil {
			return nil, err
		}
		f.workers[n.WorkerID] = &w
	}
	return f, nil
}

// eventsFor is what a principal may know of the scene; reset: it has to read anew.
func (f *feedScene) eventsFor(p Principal) (events []FeedEvent, reset bool) {
	names := p.names()
	told := map[ID]bool{}
	job := func(n News) {
		s := f.jobs[n.JobID]
		switch {
		case s != nil && p.levelOn(s.Tenant, s.OwnerID, false, s.Shares) >= LevelRead:
			if !told[n.JobID] {
				told[n.JobID] = true
				events = append(events, FeedEvent{Seq: n.Seq, Kind: NewsJob, JobID: n.JobID, Job: s})
			}
		case slices.ContainsFunc(n.Lost, func(lost PrincipalID) bool { return p.Superuser || slices.Contains(names, lost) }):
			events = append(events, FeedEvent{Seq: n.Seq, Kind: NewsJob, JobID: n.JobID, Removed: true})
		}
	}
	for _, n := range f.news {
		switch n.Kind {
		case NewsMany:
			return nil, true
		case NewsJob:
			job(n)
		case NewsRun:
			if s := f.jobs[n.JobID]; s != nil && p.levelOn(s.Tenant, s.OwnerID, false, s.Shares) >= LevelRead {
				events = append(events, FeedEvent{Seq: n.Seq, Kind: NewsRun, JobID: n.JobID, RunID: n.RunID, Status: n.Status})
				job(n) // its last run, its lock and its next fire have changed with it
			}
		case NewsWorker:
			if p.Superuser {
				w := f.workers[n.WorkerID]
				events = append(events, FeedEvent{Seq: n.Seq, Kind: NewsWorker, WorkerID: n.WorkerID, Worker: w, Removed: w == nil})
			}
		}
	}
	return events, false
}

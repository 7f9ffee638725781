package httpapi

import (
	"bytes"
	"fmt"
	"net/http"
	"time"

	"github.com/carillon-go/carillon/jobs"
)

var feedRoutes = []route{
	{
		method: "GET", path: "/job-events", group: groupIdentity, handle: (*API).jobEvents,
		name: "streamJobEvents", summary: "Live changes of readable jobs, runs and workers",
		answers: answers{200: feedEvents}, headers: []string{"Last-Event-ID"},
	},
}

// feedEvents are the events of contract 20.6. Of a job, a run or a worker the newest state is told, not each step on the way to it.
var feedEvents = events{"job": feedJob{}, "run": feedRun{}, "worker": feedWorker{}, "reset": feedMark{}, "ping": feedMark{}}

// feedJob is what a row of a list shows of a job, but for what is the listener's own.
type feedJob struct {
	ID        jobs.ID          `json:"id"`
	Removed   bool             `json:"removed"`
	Name      text             `json:"name"`
	Enabled   bool             `json:"enabled"`
	NextRunAt stamp            `json:"nextRunAt"`
	LockedAt  stamp            `json:"lockedAt"`
	LastRun   *lastRunView     `json:"lastRun"`
	Recent    []jobs.RunStatus `json:"recent"`
	UpdatedAt stamp            `json:"updatedAt"`
}

type feedRun struct {
	ID     jobs.RunID     `json:"id"`
	JobID  jobs.ID        `json:"jobId"`
	Status jobs.RunStatus `json:"status"`
}

type feedWorker struct {
	ID          jobs.WorkerID `json:"id"`
	Removed     bool          `json:"removed"`
	Hostname    text          `json:"hostname"`
	Status      text          `json:"status"`
	Concurrency int           `json:"concurrency"`
	Running     int           `json:"running"`
}

// feedMark has no contents: reset says that everything that is shown has to be read anew, ping that the stream lives.
type feedMark struct{}

func (a *API) newFeedJob(e *jobs.FeedEvent) feedJob {
	v := feedJob{ID: e.JobID, Removed: e.Removed, Recent: []jobs.RunStatus{}}
	if s := e.Job; s != nil {
		item := a.newSummaryItem(s)
		v.Name, v.Enabled, v.NextRunAt, v.LockedAt, v.LastRun, v.UpdatedAt = text(s.Name), s.Enabled, item.NextRunAt, item.LockedAt, item.LastRun, item.UpdatedAt
		v.Recent = append(v.Recent, s.Recent...)
	}
	return v
}

func newFeedWorker(e *jobs.FeedEvent) feedWorker {
	v := feedWorker{ID: e.WorkerID, Removed: e.Removed}
	if w := e.Worker; w != nil {
		v.Hostname, v.Status, v.Concurrency, v.Running = text(w.Hostname), text(w.Status), w.Concurrency, w.Running
	}
	return v
}

// jobEvents serves GET /job-events. It begins with a ping that carries the id to resume after, or with a reset if what was missed cannot be
// told. A listener that does not keep up gets a reset, and the stream ends.
func (a *API) jobEvents(w http.ResponseWriter, r *request) error {
	if err := noQuery(r.Request); err != nil {
		return err
	}
	after, err := lastEventID(r)
	if err != nil {
		return err
	}
	release, ok := a.streams.take(string(r.identity.Principal.Tenant) + "/" + string(r.identity.Principal.User))
	if !ok {
		return &jobs.UnavailableError{Reason: fmt.Sprintf("Too many live streams are open: at most %d for a user, %d in all", a.streams.each, a.streams.total)}
	}
	defer release()
	s := &stream{w: w, control: http.NewResponseController(w), api: a}
	if r.Method == http.MethodHead {
		s.open()
		return nil
	}
	listener, err := a.feed.Listen(r.Context(), r.client, after)
	if err != nil {
		return err
	}
	defer listener.Close()
	s.open()
	return a.sendFeed(r, s, listener)
}

func (a *API) sendFeed(r *request, s *stream, l *jobs.Listener) error {
	first := "ping"
	if l.Reset {
		first = "reset"
	}
	if err := s.feed(l.Backlog, mark(first, l.Head)); err != nil {
		return err
	}
	last := l.Head
	ping := time.NewTicker(streamPing)
	defer ping.Stop()
	check := time.NewTicker(streamCheck)
	defer check.Stop()
	for {
		select {
		case events, live := <-l.Events:
			if !live {
				return s.feed(nil, mark("reset", last))
			}
			if err := s.feed(events, ""); err != nil {
				return err
			}
			last = events[len(events)-1].Seq
		case <-ping.C:
			if err := s.feed(nil, mark("ping", last)); err != nil {
				return err
			}
		case <-check.C:
			who, err := a.recheck(r)
			if err != nil {
				return err
			}
			l.As(who)
		case <-r.Context().Done():
			return nil // nobody listens any more
		case <-a.closing:
			return nil
		}
	}
}

func mark(name string, seq int64) string {
	return fmt.Sprintf("id: %d\nevent: %s\ndata: {}\n\n", seq, name)
}

// feed writes events and, behind them, a mark.
func (s *stream) feed(list []jobs.FeedEvent, mark string) error {
	var buf bytes.Buffer
	for i := range list {
		e := &list[i]
		var view any
		switch e.Kind {
		case jobs.NewsJob:
			view = s.api.newFeedJob(e)
		case jobs.NewsRun:
			view = feedRun{e.RunID, e.JobID, e.Status}
		case jobs.NewsWorker:
			view = newFeedWorker(e)
		case jobs.NewsMany:
			continue // a listener is told of it by a reset
		}
		data, err := encode(view)
		if err != nil {
			return err
		}
		fmt.Fprintf(&buf, "id: %d\nevent: %s\ndata: %s\n\n", e.Seq, e.Kind, bytes.TrimSpace(data))
	}
	buf.WriteString(mark)
	return s.write(buf.String())
}

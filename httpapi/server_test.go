package httpapi_test

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/carillon-go/carillon/jobs"
)

// pipeListener is a network in memory: what waits on it waits in virtual time.
type pipeListener struct {
	conns  chan net.Conn
	closed chan struct{}
	once   sync.Once
}

func (l *pipeListener) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

func (l *pipeListener) Close() error {
	l.once.Do(func() { close(l.closed) })
	return nil
}

func (l *pipeListener) Addr() net.Addr { return &net.UnixAddr{Name: "pipe", Net: "pipe"} }

func (l *pipeListener) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	mine, theirs := net.Pipe()
	select {
	case l.conns <- theirs:
		return mine, nil
	case <-l.closed:
		return nil, net.ErrClosed
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// client speaks to the API of a world over a real server.
type client struct {
	t      testing.TB
	http   *http.Client
	base   string
	caller string
	// listener is the network, for tests that write what no client would.
	listener *pipeListener
}

// serve starts a server in memory, with HTTP/1 or HTTP/2, and gives the client of mara; its time-outs are those that the package comment names, but shorter.
func (w *world) serve(two bool) *client {
	w.t.Helper()
	l := &pipeListener{conns: make(chan net.Conn), closed: make(chan struct{})}
	server := &http.Server{Handler: w.api, ReadTimeout: 4 * time.Second, WriteTimeout: 5 * time.Second, IdleTimeout: 5 * time.Second}
	protocols := &http.Protocols{}
	protocols.SetHTTP1(!two)
	protocols.SetUnencryptedHTTP2(two)
	server.Protocols = protocols
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := server.Serve(l); err != http.ErrServerClosed {
			w.t.Errorf("serve: %v", err)
		}
	}()
	transport := &http.Transport{DialContext: l.dial, DisableCompression: true, Protocols: protocols}
	w.t.Cleanup(func() {
		transport.CloseIdleConnections()
		if err := server.Close(); err != nil {
			w.t.Errorf("close server: %v", err)
		}
		<-done
	})
	return &client{t: w.t, http: &http.Client{Transport: transport}, base: "http://carillon.test/api", caller: "mara", listener: l}
}

// do sends a request; headers are pairs of name and value.
func (c *client) do(ctx context.Context, method, path string, headers ...string) (*http.Response, error) {
	r, err := http.NewRequestWithContext(ctx, method, c.base+path, http.NoBody)
	if err != nil {
		return nil, err
	}
	r.Header.Set(callerHeader, c.caller)
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	return c.http.Do(r)
}

// run starts a run and reads the answer.
func (c *client) run(job jobs.ID, query string) (status int, run runAnswer) {
	c.t.Helper()
	res, err := c.do(c.t.Context(), http.MethodPost, "/jobs/"+string(job)+query)
	if err != nil {
		c.t.Fatalf("run: %v", err)
	}
	defer c.close(res)
	if err := json.NewDecoder(res.Body).Decode(&run); err != nil {
		c.t.Fatalf("run: %v", err)
	}
	return res.StatusCode, run
}

type runAnswer struct {
	ID     jobs.RunID `json:"id"`
	Status string     `json:"status"`
}

func (c *client) close(res *http.Response) {
	if err := res.Body.Close(); err != nil {
		c.t.Errorf("close answer: %v", err)
	}
}

// listener reads a live stream.
type listener struct {
	t      testing.TB
	body   *bufio.Reader
	events []sentEvent
	cancel context.CancelFunc
}

// listen opens a stream; the test fails if that is refused.
func (c *client) listen(job jobs.ID, run jobs.RunID, headers ...string) *listener {
	c.t.Helper()
	return c.listenTo("/jobs/"+string(job)+"/history/"+string(run)+"/progress", headers...)
}

// listenTo is listen on any path.
func (c *client) listenTo(path string, headers ...string) *listener {
	c.t.Helper()
	ctx, cancel := context.WithCancel(c.t.Context())
	res, err := c.do(ctx, http.MethodGet, path, append(headers, "Accept", "text/event-stream")...)
	if err != nil {
		cancel()
		c.t.Fatalf("listen: %v", err)
	}
	if res.StatusCode != http.StatusOK {
		cancel()
		c.t.Fatalf("listen: status %d", res.StatusCode)
	}
	c.t.Cleanup(func() {
		cancel()
		c.close(res)
	})
	return &listener{t: c.t, body: bufio.NewReader(res.Body), cancel: cancel}
}

// block reads to the next empty line: an event or a comment; false at the end of the stream.
func (l *listener) block() (string, bool) {
	l.t.Helper()
	var lines strings.Builder
	for {
		line, err := l.body.ReadString('\n')
		switch {
		case err == io.EOF && line == "" && lines.Len() == 0:
			return "", false
		case err != nil:
			l.t.Fatalf("read stream: %v, after %q", err, lines.String()+line)
		case line == "\n":
			return strings.TrimSuffix(lines.String(), "\n"), true
		}
		lines.WriteString(line)
	}
}

// next reads the next event, comments left out; false at the end.
func (l *listener) next() (sentEvent, bool) {
	l.t.Helper()
	for {
		text, ok := l.block()
		if !ok {
			return sentEvent{}, false
		}
		if strings.HasPrefix(text, ":") {
			continue
		}
		e := parseEvent(l.t, text)
		if n := len(l.events); n > 0 && e.id < l.events[n-1].id {
			l.t.Errorf("event %d comes after event %d", e.id, l.events[n-1].id)
		}
		l.events = append(l.events, e)
		return e, true
	}
}

// until reads up to an event of that name whose data holds text.
func (l *listener) until(name, text string) {
	l.t.Helper()
	for {
		e, ok := l.next()
		if !ok {
			l.t.Fatalf("the stream ended before %s with %q; it had %v", name, text, names(l.events))
		}
		if e.name == name && strings.Contains(e.data, text) {
			return
		}
	}
}

// rest reads to the end.
func (l *listener) rest() []sentEvent {
	l.t.Helper()
	for {
		if _, ok := l.next(); !ok {
			return l.events
		}
	}
}

func names(events []sentEvent) []string {
	list := make([]string, len(events))
	for i, e := range events {
		list[i] = e.name
	}
	return list
}

//go:build unix

package chaos_test

import (
	"bytes"
	"errors"
	"net"
	"sync"
	"testing"
	"time"
)

// proxy stands between nodes and a server of PostgreSQL, and treats their connections as bad networks do.
type proxy struct {
	listener net.Listener
	all      sync.WaitGroup

	mu      sync.Mutex // guards the fields below
	server  string     // path of the socket
	conns   map[net.Conn]net.Conn
	thawed  chan struct{} // not nil: nothing goes through until it is closed
	refuse  bool
	delay   time.Duration
	skip    int // so many commits go through before one of those that are armed
	armed   int // so many answers of commits are still to be lost
	lost    int
	refused int
}

// newProxy gives a proxy before a server.
func newProxy(t *testing.T, socket string) *proxy {
	t.Helper()
	return newProxyAt(t, socket, "127.0.0.1:0")
}

// newProxyAt is newProxy at an address.
func newProxyAt(t *testing.T, socket, address string) *proxy {
	t.Helper()
	l, err := net.Listen("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	p := &proxy{listener: l, server: socket, conns: map[net.Conn]net.Conn{}}
	p.all.Go(p.accept)
	t.Cleanup(func() {
		p.heal()
		if err := l.Close(); err != nil {
			t.Error(err)
		}
		p.cut(false)
		p.all.Wait()
	})
	return p
}

// dsn leads through the proxy to a database.
func (p *proxy) dsn(name string) database {
	return database("postgres://test@" + p.listener.Addr().String() + "/" + name + "?sslmode=disable&connect_timeout=2")
}

func (p *proxy) accept() {
	for {
		client, err := p.listener.Accept()
		if err != nil {
			return // the listener was closed
		}
		p.mu.Lock()
		path, refuse := p.server, p.refuse
		if refuse {
			p.refused++
		}
		p.mu.Unlock()
		if refuse {
			_ = client.Close() // the node sees it
			continue
		}
		server, err := net.Dial("unix", path)
		if err != nil {
			_ = client.Close() // as above
			continue
		}
		p.mu.Lock()
		p.conns[client] = server
		p.mu.Unlock()
		lose := make(chan struct{}, 1)
		p.all.Go(func() { p.pass(client, server, func(text []byte) { p.commits(text, lose) }, nil) })
		p.all.Go(func() { p.pass(server, client, nil, lose) })
	}
}

// commits sees a commit on its way to the server, whose answer may be one to lose.
func (p *proxy) commits(text []byte, lose chan<- struct{}) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case p.armed == 0 || !bytes.Contains(text, []byte("COMMIT\x00")):
	case p.skip > 0:
		p.skip--
	default:
		p.armed--
		lose <- struct{}{}
	}
}

// pass copies from one side to the other, in the state of the network at each moment.
func (p *proxy) pass(from, to net.Conn, look func([]byte), lose <-chan struct{}) {
	defer func() { _ = errors.Join(from.Close(), to.Close()) }() // whoever is first closes for both
	chunk := make([]byte, 64<<10)
	for {
		n, err := from.Read(chunk)
		p.mu.Lock()
		thawed, delay := p.thawed, p.delay
		p.mu.Unlock()
		if thawed != nil {
			<-thawed
		}
		if delay > 0 && n > 0 {
			timer := time.NewTimer(delay)
			<-timer.C
		}
		select {
		case <-lose:
			p.mu.Lock()
			p.lost++
			p.mu.Unlock()
			return
		default:
		}
		if look != nil {
			look(chunk[:n])
		}
		if _, fault := to.Write(chunk[:n]); err != nil || fault != nil {
			return
		}
	}
}

// cut ends all connections, by a reset if asked.
func (p *proxy) cut(reset bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for client, server := range p.conns {
		if c, ok := client.(*net.TCPConn); ok && reset {
			_ = c.SetLinger(0) // it may have ended
		}
		_ = errors.Join(client.Close(), server.Close()) // as above
		delete(p.conns, client)
	}
}

// change sets the state of the network.
func (p *proxy) change(do func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	do()
}

// freeze lets nothing through any more and keeps the connections.
func (p *proxy) freeze() { p.change(func() { p.thawed = make(chan struct{}) }) }

// heal ends all that is wrong with the network.
func (p *proxy) heal() {
	p.change(func() {
		if p.thawed != nil {
			close(p.thawed)
		}
		p.thawed, p.refuse, p.delay, p.armed = nil, false, 0, 0
	})
}

// read reads a counter.
func (p *proxy) read(counter *int) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return *counter
}

package postgres_test

import (
	"bytes"
	"errors"
	"io"
	"net"
	"net/url"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

// proxy passes connections on to the server, and can lose the answer of a commit.
type proxy struct {
	listener net.Listener
	server   string
	// armed: the next commit is passed on, and its answer is not.
	armed atomic.Bool
	lost  atomic.Int64
	all   sync.WaitGroup
}

// newProxy gives a proxy before the server of a connection string, and the string that leads through it.
func newProxy(t *testing.T, dsn string) (*proxy, string) {
	t.Helper()
	u, err := url.Parse(dsn)
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &proxy{listener: l, server: filepath.Join(u.Query().Get("host"), ".s.PGSQL.5432")}
	p.all.Go(p.accept)
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
		p.all.Wait()
	})
	return p, "postgres://test@" + l.Addr().String() + "/" + databaseName(dsn) + "?sslmode=disable"
}

func (p *proxy) accept() {
	for {
		client, err := p.listener.Accept()
		if err != nil {
			return // the listener was closed
		}
		server, err := net.Dial("unix", p.server)
		if err != nil {
			_ = client.Close() // the client sees it
			continue
		}
		var cutting atomic.Bool
		both := func() error { return errors.Join(client.Close(), server.Close()) }
		p.all.Go(func() {
			defer both() //nolint:errcheck // whoever is first closes for both
			p.pass(server, client, func(text []byte) bool {
				if bytes.Contains(text, []byte("COMMIT\x00")) && p.armed.CompareAndSwap(true, false) {
					cutting.Store(true)
				}
				return true
			})
		})
		p.all.Go(func() {
			defer both() //nolint:errcheck // whoever is first closes for both
			p.pass(client, server, func([]byte) bool {
				if cutting.Load() {
					p.lost.Add(1)
					return false
				}
				return true
			})
		})
	}
}

// pass copies until one side ends, or look says no.
func (p *proxy) pass(to io.Writer, from io.Reader, look func([]byte) bool) {
	chunk := make([]byte, 64<<10)
	for {
		n, err := from.Read(chunk)
		if n > 0 && !look(chunk[:n]) {
			return
		}
		if n > 0 {
			if _, fault := to.Write(chunk[:n]); fault != nil {
				return
			}
		}
		if err != nil {
			return
		}
	}
}

// has tells whether an error has all the words.
func has(err error, words ...string) bool {
	for _, word := range words {
		if err == nil || !strings.Contains(err.Error(), word) {
			return false
		}
	}
	return true
}

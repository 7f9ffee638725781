package httpapi_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// brokenBody gives a beginning and then an error, as the body of a client that goes away does.
type brokenBody struct{ beginning io.Reader }

func (b brokenBody) Read(p []byte) (int, error) {
	if n, err := b.beginning.Read(p); err == nil {
		return n, nil
	}
	return 0, io.ErrUnexpectedEOF
}

// TestBadInput_BrokenBodies: a body that breaks off is 400 on every route that reads one, also if what came is JSON by itself.
func TestBadInput_BrokenBodies(t *testing.T) {
	b := newBadInput(t)
	b.forEachRoute(func(in *input) {
		if in.fields == nil {
			return
		}
		for _, beginning := range []string{"", "{", "{}"} {
			r := httptest.NewRequestWithContext(t.Context(), in.route.Method, in.path, brokenBody{strings.NewReader(beginning)})
			r.Header.Set("Content-Type", "application/json")
			b.refused(in, fmt.Sprintf("a body that breaks off after %q", beginning), b.answer(in, r), http.StatusBadRequest, "")
		}
	})
}

// TestBadInput_Transport: lies about the length of a body, and bodies that never come, end with an answer or a closed connection within the
// server's time-out, on every route that reads a body; and nothing is written.
func TestBadInput_Transport(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBadInput(t)
		l := b.serve(false).listener
		b.forEachRoute(func(in *input) {
			if in.fields == nil || in.route.Accounts { // those are read by the same code, and the server below is that of the other world
				return
			}
			head := fmt.Sprintf("%s %s HTTP/1.1\r\nHost: carillon.test\r\n%s: root\r\nContent-Type: application/json\r\n", in.route.Method, in.path, callerHeader)
			for _, c := range []struct{ why, request string }{
				{"half a body and then silence", head + "Content-Length: 50\r\n\r\n{\"a\":"},
				{"a head and then silence", head + "Content-Length: 2\r\n\r\n"},
				{"half a chunk and then silence", head + "Transfer-Encoding: chunked\r\n\r\n10\r\n{\"a\":"},
				{"less said than sent", head + "Content-Length: 1\r\n\r\n{}"},
				{"no number for a length", head + "Content-Length: many\r\n\r\n{}"},
				{"a negative length", head + "Content-Length: -2\r\n\r\n{}"},
				{"two lengths", head + "Content-Length: 2\r\nContent-Length: 3\r\n\r\n{} "},
				{"a bad chunk", head + "Transfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n"},
			} {
				began := time.Now()
				status, err := rawAnswer(t, l, c.request)
				if status != http.StatusBadRequest {
					t.Errorf("%s, %s: status %d, %v", in.route.Name, c.why, status, err)
				}
				if took := time.Since(began); took > 6*time.Second {
					t.Errorf("%s, %s: the connection was held for %s", in.route.Name, c.why, took)
				}
			}
		})
	})
}

// rawAnswer writes text to a new connection and gives the status of the answer, zero if the connection was closed without one.
func rawAnswer(t *testing.T, l *pipeListener, text string) (int, error) {
	t.Helper()
	conn, err := l.dial(t.Context(), "", "")
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := conn.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	}()
	if err := conn.SetDeadline(time.Now().Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	written := make(chan error, 1)
	go func() {
		_, err := io.WriteString(conn, text)
		written <- err
	}()
	res, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		return 0, err
	}
	if _, err := io.Copy(io.Discard, res.Body); err != nil && !errors.Is(err, net.ErrClosed) {
		return res.StatusCode, err
	}
	return res.StatusCode, res.Body.Close()
}

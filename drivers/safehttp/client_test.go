package safehttp_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"net/netip"
	"os"
	"os/exec"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/carillon-go/carillon/drivers/safehttp"
)

func newClient(t testing.TB, p safehttp.Policy) *safehttp.Client {
	t.Helper()
	c, err := safehttp.New(p)
	if err != nil {
		t.Fatalf("New: %v", err)
	}
	t.Cleanup(c.Close)
	return c
}

func serve(t testing.TB, h http.HandlerFunc) *httptest.Server {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s
}

func refusal(t testing.TB, err error, part string) {
	t.Helper()
	var r *safehttp.RefusedError
	if !errors.As(err, &r) || !strings.Contains(err.Error(), part) {
		t.Fatalf("got error %v, want a *RefusedError with %q", err, part)
	}
	if safehttp.Temporary(err) {
		t.Errorf("Temporary(%v) = true", err)
	}
	if strings.Contains(err.Error(), "127.0.0") {
		t.Errorf("the refusal %q names the address", err)
	}
}

func TestClient_Do(t *testing.T) {
	t.Parallel()
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Errorf("read: %v", err)
		}
		w.Header().Set("X-Seen", r.Method+" "+r.Header.Get("Idempotency-Key")+" "+string(body))
		w.WriteHeader(http.StatusTeapot)
		w.Write([]byte("short and stout"))
	})
	header := http.Header{"Idempotency-Key": {`"k1"`}}
	got, err := newClient(t, safehttp.Policy{AllowPrivate: true}).Do(t.Context(),
		safehttp.Request{Method: "POST", URL: s.URL, Header: header, Body: []byte("hello")})
	if err != nil {
		t.Fatalf("Do: %v", err)
	}
	if got.Status != 418 || string(got.Body) != "short and stout" || got.BodySize != 15 || got.BodyTruncated {
		t.Errorf("Do = %+v", got)
	}
	if seen := got.Header.Get("X-Seen"); seen != `POST "k1" hello` {
		t.Errorf("the server saw %q", seen)
	}
	if want := (http.Header{"Idempotency-Key": {`"k1"`}}); !cmp.Equal(want, header) {
		t.Errorf("Do changed the caller's header: %v", header)
	}
}

func TestClient_Do_refused(t *testing.T) {
	t.Parallel()
	s := serve(t, func(http.ResponseWriter, *http.Request) { t.Error("the server was reached") })
	_, port, err := net.SplitHostPort(s.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name, part string
		r          safehttp.Request
	}{
		{"a literal inner address", "public", safehttp.Request{URL: s.URL}},
		{"a name that resolves to an inner address", "public", safehttp.Request{URL: "http://localhost:" + port}},
		{"the same name in capitals", "public", safehttp.Request{URL: "http://LOCALHOST:" + port}},
		{"a scheme", "http", safehttp.Request{URL: "ftp://" + s.Listener.Addr().String()}},
		{"a method that opens a tunnel", "method", safehttp.Request{Method: "connect", URL: s.URL}},
		{"a method with a line break", "method", safehttp.Request{Method: "GET / HTTP/1.1\r\nX:", URL: s.URL}},
		{"a line break in a header", "line break", safehttp.Request{URL: "http://example.com", Header: http.Header{"X": {"a\r\nHost: b"}}}},
		{"a header that frames", "Content-Length", safehttp.Request{URL: "http://example.com", Header: http.Header{"content-length": {"1"}}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := newClient(t, safehttp.Policy{}).Do(t.Context(), c.r)
			refusal(t, err, c.part)
		})
	}
}

func TestClient_Do_opened(t *testing.T) {
	t.Parallel()
	s := serve(t, func(w http.ResponseWriter, _ *http.Request) {})
	_, port, err := net.SplitHostPort(s.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name string
		p    safehttp.Policy
		url  string
	}{
		{"by prefix", safehttp.Policy{AllowPrefixes: []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}}, s.URL},
		{"by name", safehttp.Policy{AllowNames: []string{"LocalHost"}}, "http://localhost:" + port},
		{"for development", safehttp.Policy{AllowPrivate: true}, "http://localhost:" + port},
	} {
		t.Run(c.name, func(t *testing.T) {
			resp, err := newClient(t, c.p).Do(t.Context(), safehttp.Request{URL: c.url})
			if err != nil || resp.Status != 200 {
				t.Errorf("Do = %+v, %v", resp, err)
			}
		})
	}
	_, err = newClient(t, safehttp.Policy{AllowNames: []string{"localhost"}}).Do(t.Context(), safehttp.Request{URL: s.URL})
	refusal(t, err, "public") // the name was opened, not its address
}

func TestClient_Do_limits(t *testing.T) {
	t.Parallel()
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		chunk := bytes.Repeat([]byte("x"), 32<<10)
		switch r.URL.Path {
		case "/bomb":
			w.Header().Set("Content-Encoding", "gzip")
			z := gzip.NewWriter(w)
			for range 1 << 10 { // 32 MiB that travel as 32 KiB
				if _, err := z.Write(chunk); err != nil {
					return
				}
			}
			if err := z.Close(); err != nil {
				return // the client has had enough
			}
		case "/endless":
			for {
				if _, err := w.Write(chunk); err != nil {
					return
				}
			}
		case "/exact":
			w.Write(bytes.Repeat(chunk, 4))
		case "/zipped":
			w.Header().Set("Content-Encoding", "gzip")
			z := gzip.NewWriter(w)
			if _, err := z.Write(chunk); err != nil {
				return // the client has had enough
			}
			if _, err := z.Write(chunk); err != nil {
				return // the client has had enough
			}
			if err := z.Close(); err != nil {
				return // the client has had enough
			}
		case "/header":
			w.Header().Set("X-Large", strings.Repeat("y", 80<<10))
		}
	})
	client := newClient(t, safehttp.Policy{AllowPrivate: true})
	for _, path := range []string{"/bomb", "/endless"} {
		_, err := client.Do(t.Context(), safehttp.Request{URL: s.URL + path})
		var limit *safehttp.LimitError
		if !errors.As(err, &limit) || *limit != (safehttp.LimitError{What: "body", Limit: 10 << 20}) || safehttp.Temporary(err) {
			t.Errorf("Do(%s) = %v, want the limit of the body", path, err)
		}
	}
	_, err := client.Do(t.Context(), safehttp.Request{URL: s.URL + "/header"})
	var limit *safehttp.LimitError
	if !errors.As(err, &limit) || *limit != (safehttp.LimitError{What: "header", Limit: 64 << 10}) {
		t.Errorf("Do(/header) = %v, want the limit of the header", err)
	}

	small := newClient(t, safehttp.Policy{AllowPrivate: true, MaxBody: 128 << 10})
	got, err := small.Do(t.Context(), safehttp.Request{URL: s.URL + "/exact"})
	if err != nil || len(got.Body) != 64<<10 || !got.BodyTruncated || got.BodySize != 128<<10 {
		t.Errorf("Do(/exact): %v, want 64 KiB kept of 128 KiB", err)
	}
	got, err = small.Do(t.Context(), safehttp.Request{URL: s.URL + "/zipped"})
	if err != nil || len(got.Body) != 64<<10 || got.BodyTruncated || got.BodySize != 64<<10 {
		t.Errorf("Do(/zipped): %v, want the whole body of 64 KiB", err)
	}
	smaller := newClient(t, safehttp.Policy{AllowPrivate: true, MaxBody: 128<<10 - 1})
	if _, err = smaller.Do(t.Context(), safehttp.Request{URL: s.URL + "/exact"}); !errors.As(err, &limit) {
		t.Errorf("Do with one byte less allowed = %v, want a *LimitError", err)
	}
}

func TestClient_Do_ended(t *testing.T) {
	t.Parallel()
	arrived, release := make(chan struct{}), make(chan struct{})
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/body" {
			w.Write([]byte("begin"))
			if err := http.NewResponseController(w).Flush(); err != nil {
				t.Error(err)
			}
		}
		if r.URL.Path == "/break" {
			panic(http.ErrAbortHandler)
		}
		arrived <- struct{}{}
		<-release
	})
	t.Cleanup(func() { close(release) })
	client := newClient(t, safehttp.Policy{AllowPrivate: true})
	for _, path := range []string{"/header", "/body"} {
		ctx, cancel := context.WithCancel(t.Context())
		go func() { <-arrived; cancel() }()
		_, err := client.Do(ctx, safehttp.Request{Method: "POST", URL: s.URL + path})
		var call *safehttp.CallError
		if !errors.Is(err, context.Canceled) || !errors.As(err, &call) || !call.Sent || safehttp.Temporary(err) {
			t.Errorf("Do(%s) after a cancel = %v", path, err)
		}
	}
	for _, p := range []safehttp.Policy{
		{AllowPrivate: true, HeaderTimeout: 10 * time.Millisecond},
		{AllowPrivate: true, Timeout: 10 * time.Millisecond},
	} {
		go func() { <-arrived }()
		_, err := newClient(t, p).Do(t.Context(), safehttp.Request{URL: s.URL})
		if !safehttp.Temporary(err) || !strings.Contains(err.Error(), "time-out") {
			t.Errorf("Do with a time-out = %v, want a temporary error", err)
		}
	}
	_, err := client.Do(t.Context(), safehttp.Request{URL: s.URL + "/break"})
	if !safehttp.Temporary(err) || !strings.Contains(err.Error(), "broke") {
		t.Errorf("Do with a broken connection = %v, want a temporary error", err)
	}
}

func TestClient_Do_nobodyListens(t *testing.T) {
	t.Parallel()
	s := httptest.NewServer(nil)
	s.Close()
	_, err := newClient(t, safehttp.Policy{AllowPrivate: true}).Do(t.Context(), safehttp.Request{URL: s.URL})
	var call *safehttp.CallError
	if !safehttp.Temporary(err) || !errors.As(err, &call) || call.Sent {
		t.Errorf("Do = %v, want a temporary error, nothing sent", err)
	}
	if strings.Contains(err.Error(), "127.0.0.1") {
		t.Errorf("the message %q names the address", err)
	}
}

func TestClient_Do_certificate(t *testing.T) {
	t.Parallel()
	s := httptest.NewUnstartedServer(nil)
	s.Config.ErrorLog = quiet
	s.StartTLS()
	t.Cleanup(s.Close)
	_, err := newClient(t, safehttp.Policy{AllowPrivate: true}).Do(t.Context(), safehttp.Request{URL: s.URL})
	if err == nil || safehttp.Temporary(err) || !strings.Contains(err.Error(), "certificate") {
		t.Errorf("Do = %v, want a lasting error about the certificate", err)
	}
}

func TestClient_Do_keepsConnections(t *testing.T) {
	t.Parallel()
	s := serve(t, func(w http.ResponseWriter, _ *http.Request) { w.Write(make([]byte, 100<<10)) })
	client := newClient(t, safehttp.Policy{AllowPrivate: true})
	var reused []bool
	ctx := httptrace.WithClientTrace(t.Context(), &httptrace.ClientTrace{
		GotConn: func(info httptrace.GotConnInfo) { reused = append(reused, info.Reused) },
	})
	for range 3 {
		if _, err := client.Do(ctx, safehttp.Request{URL: s.URL}); err != nil {
			t.Fatal(err)
		}
	}
	if want := []bool{false, true, true}; !cmp.Equal(want, reused) {
		t.Errorf("reused = %v, want %v", reused, want)
	}
}

// A kept connection that breaks under a POST must not make the transport send it again, key or not (promise P4).
func TestClient_Do_sendsOnce(t *testing.T) {
	t.Parallel()
	for _, body := range []string{"", "payload"} {
		var posts atomic.Int32
		s := serve(t, func(w http.ResponseWriter, r *http.Request) {
			if r.Method == http.MethodPost {
				posts.Add(1)
				panic(http.ErrAbortHandler)
			}
		})
		client := newClient(t, safehttp.Policy{AllowPrivate: true})
		if _, err := client.Do(t.Context(), safehttp.Request{URL: s.URL}); err != nil {
			t.Fatal(err)
		}
		_, err := client.Do(t.Context(), safehttp.Request{
			Method: "POST", URL: s.URL, Header: http.Header{"Idempotency-Key": {`"k"`}}, Body: []byte(body),
		})
		var call *safehttp.CallError
		if !errors.As(err, &call) || !call.Sent {
			t.Errorf("body %q: Do = %v, want an error that says that it was sent", body, err)
		}
		if n := posts.Load(); n != 1 {
			t.Errorf("body %q: the server saw %d POSTs, want 1", body, n)
		}
	}
}

// The environment is read once by net/http, so the check runs in a process of its own. "LOCALHOST" is a name
// that net/http would send through a proxy; "localhost" and 127.0.0.1 never are, and would prove nothing.
func TestClient_Do_ignoresProxiesOfTheEnvironment(t *testing.T) {
	if target := os.Getenv("SAFEHTTP_TEST_TARGET"); target != "" {
		resp, err := newClient(t, safehttp.Policy{AllowPrivate: true}).Do(t.Context(), safehttp.Request{URL: target})
		if err != nil || string(resp.Body) != "target" {
			t.Fatalf("Do = %+v, %v, want the target's answer", resp, err)
		}
		return
	}
	t.Parallel()
	target := serve(t, func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "target") })
	proxy := serve(t, func(w http.ResponseWriter, r *http.Request) { t.Errorf("the proxy was asked for %s", r.URL) })
	_, port, err := net.SplitHostPort(target.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^"+t.Name()+"$")
	cmd.Env = append(os.Environ(), "SAFEHTTP_TEST_TARGET=http://LOCALHOST:"+port,
		"HTTP_PROXY="+proxy.URL, "http_proxy="+proxy.URL, "ALL_PROXY="+proxy.URL, "NO_PROXY=", "no_proxy=")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

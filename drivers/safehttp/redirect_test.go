package safehttp_test

import (
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/carillon-go/carillon/drivers/safehttp"
)

// quiet drops what a test server says about handshakes that are meant to fail.
var quiet = log.New(io.Discard, "", 0)

func following() safehttp.Policy { return safehttp.Policy{AllowPrivate: true, FollowRedirects: true} }

func TestClient_Do_redirectIsTheAnswer(t *testing.T) {
	t.Parallel()
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/" {
			t.Errorf("the redirect was followed to %s", r.URL)
		}
		http.Redirect(w, r, "/next", http.StatusFound)
	})
	got, err := newClient(t, safehttp.Policy{AllowPrivate: true}).Do(t.Context(), safehttp.Request{URL: s.URL})
	if err != nil || got.Status != 302 || got.Header.Get("Location") != "/next" {
		t.Errorf("Do = %+v, %v, want the redirect itself", got, err)
	}
}

func TestClient_Do_redirectToARefusedAddress(t *testing.T) {
	t.Parallel()
	inner, err := net.Listen("tcp", "127.0.0.2:0")
	if err != nil {
		t.Skipf("no second loopback address: %v", err)
	}
	hidden := &httptest.Server{Listener: inner, Config: &http.Server{Handler: http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		t.Error("the refused address was reached")
	})}}
	hidden.Start()
	t.Cleanup(hidden.Close)
	_, port, err := net.SplitHostPort(inner.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	policy := safehttp.Policy{AllowPrefixes: []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}, FollowRedirects: true}
	for _, c := range []struct{ target, part string }{
		{"http://127.0.0.2:" + port, "public"},
		{"http://[::ffff:127.0.0.2]:" + port, "public"},
		{"//127.0.0.2:" + port, "public"},
		{"http://127.0.0.1:6379/", "port"},
		{"file:///etc/passwd", "http"},
		{"http://u:p@127.0.0.1/", "user name"},
		{"http://%zz", "target"},
	} {
		s := serve(t, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Location", c.target)
			w.WriteHeader(http.StatusFound)
		})
		_, err := newClient(t, policy).Do(t.Context(), safehttp.Request{URL: s.URL})
		refusal(t, err, c.part)
	}
}

// A name passes the check of the URL; only the dialled address shows where the hop leads.
func TestClient_Do_redirectToANameOfARefusedAddress(t *testing.T) {
	t.Parallel()
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.Host, "localhost") {
			t.Error("the refused address was reached")
		}
		_, port, _ := strings.Cut(r.Host, ":")
		http.Redirect(w, r, "http://localhost:"+port, http.StatusFound)
	})
	u, err := url.Parse(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	// 127.0.0.1 is opened as a name for the first hop, the address is not.
	policy := safehttp.Policy{AllowNames: []string{u.Hostname()}, FollowRedirects: true}
	_, err = newClient(t, policy).Do(t.Context(), safehttp.Request{URL: s.URL})
	refusal(t, err, "public")
}

func TestClient_Do_redirectHeaders(t *testing.T) {
	t.Parallel()
	show := func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		fmt.Fprintf(w, "%s body=%q", r.Method, body)
		for _, name := range []string{"Accept", "Authorization", "Cookie", "Idempotency-Key", "Content-Type", "Referer"} {
			if v := r.Header.Get(name); v != "" {
				fmt.Fprintf(w, " %s", name)
			}
		}
	}
	other := serve(t, show)
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		status := map[string]int{"/303": 303, "/307": 307, "/302": 302}
		switch {
		case r.URL.Path == "/show":
			show(w, r)
		case r.URL.Path == "/back":
			http.Redirect(w, r, other.URL+"/x", http.StatusFound)
		case r.URL.Query().Has("other"):
			http.Redirect(w, r, other.URL, status[r.URL.Path])
		default:
			http.Redirect(w, r, "/show", status[r.URL.Path])
		}
	})
	for _, c := range []struct{ name, method, path, body, want string }{
		{"same origin keeps headers", "GET", "/302", "", `GET body="" Accept Authorization Cookie Idempotency-Key`},
		{"other origin keeps Accept only", "GET", "/302?other", "", `GET body="" Accept`},
		{"a body is not sent again", "POST", "/303", "data", `GET body="" Accept Authorization Cookie Idempotency-Key`},
		{"a body is not sent to another origin", "POST", "/302?other", "data", `GET body="" Accept`},
		{"307 without a body keeps the method", "DELETE", "/307", "", `DELETE body="" Accept Authorization Cookie Idempotency-Key`},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := newClient(t, following()).Do(t.Context(), safehttp.Request{
				Method: c.method, URL: s.URL + c.path, Body: []byte(c.body),
				Header: http.Header{"Accept": {"a/b"}, "Authorization": {"s"}, "Cookie": {"c=d"}, "Idempotency-Key": {"k"}, "Content-Type": {"e/f"}},
			})
			if err != nil {
				t.Fatalf("Do: %v", err)
			}
			if diff := cmp.Diff(c.want, string(got.Body)); diff != "" {
				t.Errorf("the last hop saw (-want +got):\n%s", diff)
			}
		})
	}
	_, err := newClient(t, following()).Do(t.Context(), safehttp.Request{Method: "POST", URL: s.URL + "/307", Body: []byte("data")})
	refusal(t, err, "body")
}

func TestClient_Do_redirectCount(t *testing.T) {
	t.Parallel()
	hops := 0
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		hops++
		var left int
		if _, err := fmt.Sscanf(r.URL.Path, "/%d", &left); err != nil {
			t.Error(err)
		}
		if left > 0 {
			http.Redirect(w, r, fmt.Sprintf("/%d", left-1), http.StatusFound)
		}
	})
	got, err := newClient(t, following()).Do(t.Context(), safehttp.Request{URL: s.URL + "/5"})
	if err != nil || got.Status != 200 || hops != 6 {
		t.Errorf("Do with 5 redirects = %+v, %v after %d requests", got, err, hops)
	}
	hops = 0
	_, err = newClient(t, following()).Do(t.Context(), safehttp.Request{URL: s.URL + "/1000"})
	refusal(t, err, "5 redirects")
	if hops != 6 {
		t.Errorf("%d requests, want 6", hops)
	}
}

func TestClient_Do_redirectToPlainText(t *testing.T) {
	t.Parallel()
	plain := serve(t, func(http.ResponseWriter, *http.Request) { t.Error("the plain server was reached") })
	s := httptest.NewTLSServer(http.RedirectHandler(plain.URL, http.StatusFound))
	t.Cleanup(s.Close)
	policy := following()
	policy.RootCAs = s.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs
	_, err := newClient(t, policy).Do(t.Context(), safehttp.Request{URL: s.URL})
	refusal(t, err, "https to http")
}

package safehttp_test

import (
	"errors"
	"net/netip"
	"strings"
	"testing"

	"github.com/carillon-go/carillon/drivers/safehttp"
)

func TestCheckURL(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ raw, refusal string }{
		{"http://example.com", ""},
		{"HTTPS://Example.COM/a?b=c#d", ""},
		{"https://example.com.:443/", ""},
		{"https://my_host-1.internal:8443/x", ""},
		{"http://xn--bcher-kva.example/", ""},
		{"http://93.184.216.34/", ""},
		{"http://[2606:4700::1111]:8080/", ""},
		{"http://127.0.0.1/", ""}, // addresses are judged by the policy
		{"", "begin with http"},
		{"example.com/x", "begin with http"},
		{"//example.com/x", "begin with http"},
		{"ftp://example.com", "begin with http"},
		{"file:///etc/passwd", "begin with http"},
		{"gopher://example.com:70/1", "begin with http"},
		{"javascript:alert(1)", "begin with http"},
		{"http:example.com", "no host"},
		{"http://example.com/a/../admin", "between slashes"},
		{"http://example.com/a/%2e%2e/admin", "between slashes"},
		{"http://example.com/./", "between slashes"},
		{"http://example.com/a..b/...", ""},
		{"http:///path", "no host"},
		{"http://:80/", "not a name"},
		{"http://user@example.com", "user name"},
		{"http://user:hunter2@example.com", "user name"},
		{"http://@example.com", "user name"},
		{"http://example.com:25/", "port"},
		{"http://example.com:465/", "port"},
		{"http://example.com:587/", "port"},
		{"http://example.com:22/", "port"},
		{"http://example.com:6379/", "port"},
		{"http://example.com:0/", "port"},
		{"http://example.com:65536/", "port"},
		{"http://example.com:99999999999999999999/", "port"},
		{"http://example.com:/", "colon"},
		{"http://example.com:http/", "parsed"},
		{"http://127.1/", "not a name"},
		{"http://2130706433/", "not a name"},
		{"http://0x7f.1/", "not a name"},
		{"http://0x7f000001/", "not a name"},
		{"http://0177.0.0.1/", "not a name"},
		{"http://127.0.0.1./", ""},
		{"http://a..b/", "not a name"},
		{"http://example.com..", "not a name"},
		{"http://[fe80::1%25eth0]/", "zone"},
		{"http://[example.com]/", "parsed"},
		{"http://ｅxample.com/", "not a name"},
		{"http://１２７.0.0.1/", "not a name"},
		{"http://exa mple.com/", "parsed"},
		{"http://example.com/\r\nX: y", "parsed"},
		{"http://example.com\\@127.0.0.1/", "parsed"},
		{"http://exam%70le.com/", "parsed"},
		{"http://" + strings.Repeat("a", 64) + ".com/", "not a name"},
		{"http://example.com/" + strings.Repeat("a", 8<<10), "8 KiB"},
	} {
		u, err := safehttp.CheckURL(c.raw)
		if c.refusal == "" {
			if err != nil || u == nil {
				t.Errorf("CheckURL(%q) = %v, %v, want a URL", c.raw, u, err)
			}
			continue
		}
		var r *safehttp.RefusedError
		if !errors.As(err, &r) || !strings.Contains(err.Error(), c.refusal) {
			t.Errorf("CheckURL(%.80q) = %v, want a refusal with %q", c.raw, err, c.refusal)
		}
		if err != nil && strings.Contains(err.Error(), "hunter2") {
			t.Errorf("CheckURL(%q): the message %q holds the password", c.raw, err)
		}
	}
}

func TestPolicy_CheckURL(t *testing.T) {
	t.Parallel()
	closed := safehttp.Policy{}
	opened := safehttp.Policy{
		AllowNames: []string{"Box.Internal", "10.9.9.9"}, AllowPorts: []uint16{5432},
		AllowPrefixes: []netip.Prefix{netip.MustParsePrefix("192.168.7.0/24")},
	}
	for _, c := range []struct {
		name string
		p    safehttp.Policy
		raw  string
		ok   bool
	}{
		{"a literal inner address is refused", closed, "http://127.0.0.1/", false},
		{"an address with the dot of the root is refused", closed, "http://127.0.0.1./", false},
		{"a mapped literal is refused", closed, "http://[::ffff:10.0.0.1]/", false},
		{"a name is judged when it is dialled", closed, "http://localhost/", true},
		{"an opened prefix", opened, "http://192.168.7.1/", true},
		{"outside of the opened prefix", opened, "http://192.168.8.1/", false},
		{"an opened literal", opened, "http://10.9.9.9/", true},
		{"an opened port", opened, "http://box.internal:5432/", true},
		{"a port that is not opened", opened, "http://box.internal:6379/", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			if _, err := c.p.CheckURL(c.raw); (err == nil) != c.ok {
				t.Errorf("CheckURL(%q) = %v, want allowed: %v", c.raw, err, c.ok)
			}
		})
	}
}

func TestCheckHeader(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, value string
		ok          bool
	}{
		{"Accept", "text/html", true},
		{"x-api-key", "a\tb é", true},
		{"X-Empty", "", true},
		{"Idempotency-Key", `"abc"`, true},
		{"Host", "x", false},
		{"hOsT", "x", false},
		{"Content-Length", "1", false},
		{"content-length", "1", false},
		{"Transfer-Encoding", "chunked", false},
		{"Connection", "close", false},
		{"Keep-Alive", "1", false},
		{"Upgrade", "h2c", false},
		{"TE", "trailers", false},
		{"te", "trailers", false},
		{"Trailer", "X", false},
		{"Proxy-Authorization", "x", false},
		{"proxy-connection", "x", false},
		{"", "x", false},
		{"X Y", "x", false},
		{"X:Y", "x", false},
		{"X\r\nY", "x", false},
		{"Ünï", "x", false},
		{"Host ", "x", false},
		{"X", "a\rb", false},
		{"X", "a\nb", false},
		{"X", "a\x00b", false},
		{"X", "hunter2\r\nHost: b", false},
		{"X", "\x7f", false},
	} {
		err := safehttp.CheckHeader(c.name, c.value)
		if (err == nil) != c.ok {
			t.Errorf("CheckHeader(%q, %q) = %v, want allowed: %v", c.name, c.value, err, c.ok)
		}
		if err != nil && strings.Contains(err.Error(), "hunter2") {
			t.Errorf("CheckHeader: the message %q holds the value", err)
		}
	}
}

// FuzzCheckURL: what is accepted stays accepted after it was written out and read again, has the same host, and no user info.
func FuzzCheckURL(f *testing.F) {
	for _, seed := range []string{
		"http://example.com", "https://[::1]:443/a?b#c", "http://a@b", "http://a\\@b", "http://127.1", "http://[fe80::1%25a]/",
		"http://a.%2f/", "HTTP://A.:80", "http://x:80:80/", "http://\u2100/",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		u, err := safehttp.CheckURL(raw)
		if err != nil {
			return
		}
		again, err := safehttp.CheckURL(u.String())
		if err != nil {
			if len(u.String()) > 8<<10 {
				t.Skip("escaping made it too long")
			}
			t.Fatalf("CheckURL(%q) accepts, then refuses its own text %q: %v", raw, u, err)
		}
		if again.Host != u.Host || u.User != nil || (u.Scheme != "http" && u.Scheme != "https") {
			t.Fatalf("CheckURL(%q) = %q, then %q", raw, u, again)
		}
	})
}

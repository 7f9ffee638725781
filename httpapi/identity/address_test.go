package identity_test

import (
	"net/http"
	"net/http/httptest"
	"net/netip"
	"testing"

	"github.com/carillon-go/carillon/httpapi/identity"
)

func proxied(t testing.TB) *identity.Accounts {
	t.Helper()
	a, err := identity.New(&tampered{}, identity.Options{
		DefaultTenant: tenant, TrustedProxies: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("fd00::/8")},
	})
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func TestAccounts_ClientAddr(t *testing.T) {
	t.Parallel()
	a := proxied(t)
	for _, c := range []struct {
		name, remote string
		forwarded    []string
		want         string // empty: none
	}{
		{"no proxy", "192.0.2.1:99", nil, "192.0.2.1"},
		{"a stranger who claims another address", "192.0.2.1:99", []string{"198.51.100.1"}, "192.0.2.1"},
		{"a trusted proxy", "10.0.0.1:99", []string{"198.51.100.1"}, "198.51.100.1"},
		{"a trusted proxy that says nothing", "10.0.0.1:99", nil, "10.0.0.1"},
		{"what the client claims stands to the left", "10.0.0.1:99", []string{"203.0.113.9, 198.51.100.1"}, "198.51.100.1"},
		{"the claim in a header of its own", "10.0.0.1:99", []string{"203.0.113.9", "198.51.100.1"}, "198.51.100.1"},
		{"two trusted proxies", "10.0.0.1:99", []string{"203.0.113.9, 198.51.100.1, 10.9.9.9"}, "198.51.100.1"},
		{"trusted addresses all the way", "10.0.0.1:99", []string{"10.0.0.3,10.0.0.2"}, "10.0.0.3"},
		{"a proxy of IPv6", "[fd00::1]:99", []string{"[2001:db8::7]:55"}, "2001:db8::7"},
		{"IPv4 in the form of IPv6", "[::ffff:10.0.0.1]:99", []string{"::ffff:198.51.100.1"}, "198.51.100.1"},
		{"an address with a port", "10.0.0.1:99", []string{"198.51.100.1:1234"}, "198.51.100.1"},
		{"a word that is no address ends the search", "10.0.0.1:99", []string{"198.51.100.1, unknown"}, "10.0.0.1"},
		{"a zone", "[fe80::1%eth0]:99", nil, "fe80::1"},
		{"a Unix socket", "@", []string{"198.51.100.1"}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil)
			r.RemoteAddr, r.Header["X-Forwarded-For"] = c.remote, c.forwarded
			got := a.ClientAddr(r)
			if c.want == "" && got.IsValid() || c.want != "" && got.String() != c.want {
				t.Errorf("ClientAddr is %s, want %q", got, c.want)
			}
		})
	}
}

func FuzzAccounts_ClientAddr(f *testing.F) {
	f.Add("10.0.0.1:99", "198.51.100.1, 10.0.0.2")
	f.Add("192.0.2.1:1", "203.0.113.9")
	f.Add("[::1]:1", "[fe80::1%x]:1")
	f.Add("", ",,")
	f.Fuzz(func(t *testing.T, remote, forwarded string) {
		a := proxied(t)
		r := &http.Request{RemoteAddr: remote, Header: http.Header{}}
		direct := a.ClientAddr(r)
		r.Header.Set("X-Forwarded-For", forwarded)
		behind := a.ClientAddr(r)
		if behind != direct && direct.Is4() && direct.As4()[0] != 10 {
			t.Errorf("X-Forwarded-For %q of %q is believed: %s", forwarded, remote, behind)
		}
		if behind.Zone() != "" || behind.Is4In6() {
			t.Errorf("ClientAddr is %s, which is one of several forms of the address", behind)
		}
	})
}

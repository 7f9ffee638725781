package safehttp_test

import (
	"io"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"testing"

	"github.com/carillon-go/carillon/drivers/safehttp"
)

func TestNew(t *testing.T) {
	t.Parallel()
	for field, p := range map[string]safehttp.Policy{
		"DialTimeout":   {DialTimeout: -1},
		"Timeout":       {Timeout: -1},
		"MaxBody":       {MaxBody: -1},
		"AllowPrefixes": {AllowPrefixes: []netip.Prefix{{}}},
		"AllowNames":    {AllowNames: []string{"a b"}},
		"Proxy":         {Proxy: &url.URL{Scheme: "socks5", Host: "127.0.0.1:1"}},
	} {
		if _, err := safehttp.New(p); err == nil || !strings.Contains(err.Error(), field) {
			t.Errorf("New with a wrong %s = %v, want an error that names it", field, err)
		}
	}
}

func TestPolicy_Proxy(t *testing.T) {
	t.Parallel()
	proxy := serve(t, func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "proxy for "+r.URL.String()) })
	u, err := url.Parse(proxy.URL)
	if err != nil {
		t.Fatal(err)
	}
	client := newClient(t, safehttp.Policy{Proxy: u})
	got, err := client.Do(t.Context(), safehttp.Request{URL: "http://name.invalid/x"})
	if err != nil || string(got.Body) != "proxy for http://name.invalid/x" {
		t.Errorf("Do = %+v, %v, want the proxy's answer", got, err)
	}
	for _, inner := range []string{"http://169.254.169.254/", "http://127.0.0.1/", "http://name.invalid:6379/"} {
		_, err = client.Do(t.Context(), safehttp.Request{URL: inner})
		if err == nil {
			t.Errorf("Do(%s) reached the proxy", inner)
		}
	}
}

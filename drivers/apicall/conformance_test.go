package apicall_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/carillon-go/carillon/drivers/apicall"
	"github.com/carillon-go/carillon/drivers/drivertest"
	"github.com/carillon-go/carillon/drivers/safehttp"
	"github.com/carillon-go/carillon/jobs"
)

func TestConformance(t *testing.T) {
	t.Parallel()
	d := loopback(t)
	drivertest.Run(t, func(t testing.TB) drivertest.Subject {
		var mu sync.Mutex // guards keys
		var keys []string
		entered := make(chan struct{}, 1)
		url := serve(t, func(w http.ResponseWriter, r *http.Request) {
			switch r.URL.Path {
			case "/wait":
				entered <- struct{}{}
				<-r.Context().Done()
			case "/busy":
				w.Header().Set("Retry-After", "7")
				w.WriteHeader(http.StatusServiceUnavailable)
			case "/break":
				panic(http.ErrAbortHandler)
			case "/echo":
				http.Error(w, r.Header.Get("Authorization"), http.StatusForbidden)
			default:
				mu.Lock()
				keys = append(keys, strings.Trim(r.Header.Get("Idempotency-Key"), `"`))
				mu.Unlock()
				w.Write([]byte(r.Header.Get("Authorization")))
			}
		})
		settings := func(path, method string) json.RawMessage {
			return json.RawMessage(`{"url":"` + url + path + `","method":"` + method + `","secretHeaders":{"Authorization":"Bearer sesame-open-7"}}`)
		}
		return drivertest.Subject{
			Driver: d,
			Good:   settings("/", "POST"),
			Bad: map[string]json.RawMessage{
				"no URL":           json.RawMessage(`{"method":"GET"}`),
				"a method":         settings("/", "TRACE"),
				"an address":       json.RawMessage(`{"url":"http://169.254.169.254/"}`),
				"a header":         json.RawMessage(`{"url":"` + url + `","headers":{"Host":"x"}}`),
				"a secret header":  json.RawMessage(`{"url":"` + url + `","secretHeaders":{"X-A":"sesame-open-7\r\n"}}`),
				"an unknown field": json.RawMessage(`{"url":"` + url + `","retries":3}`),
				"a time-out":       json.RawMessage(`{"url":"` + url + `","timeoutSeconds":0}`),
			},
			Failures: map[string]drivertest.Failure{
				"busy":           {Data: settings("/busy", "GET"), Want: jobs.RetryAdvice{After: 7e9}},
				"refused":        {Data: settings("/echo", "GET"), Want: jobs.RetryAdvice{Permanent: true}},
				"broken":         {Data: settings("/break", "GET")},
				"perhaps posted": {Data: settings("/break", "POST"), Want: jobs.RetryAdvice{Unclear: true}},
			},
			Wait:    func() drivertest.Waiting { return drivertest.Waiting{Data: settings("/wait", "GET"), Entered: entered} },
			Effects: func() []string { mu.Lock(); defer mu.Unlock(); return append([]string(nil), keys...) },
		}
	})
}

func FuzzDriver(f *testing.F) {
	for _, seed := range []string{
		``, `{`, `[]`, `{"url":"//0"}`, `{"url":"ftp://example.com"}`, `{"url":"https://example.com/${a}?b"}`, `{"url":"http://[::1]:80/","headers":{"a":"b"}}`,
		`{"url":"https://example.com:1${x}/","secretHeaders":{"":""}}`, `{"url":"http://example.com","query":{"a":[1,null,"x"]},"method":"POST"}`,
	} {
		f.Add([]byte(seed))
	}
	client, err := safehttp.New(safehttp.Policy{})
	if err != nil {
		f.Fatal(err)
	}
	d := apicall.New(client)
	f.Fuzz(func(t *testing.T, data []byte) {
		target := d.SecretTarget(data)
		if u, err := url.Parse(target); target != "" && (err != nil || u.Host == "" || u.Path != "" || u.User != nil) {
			t.Errorf("SecretTarget(%q) = %q", data, target)
		}
		var s struct {
			URL string `json:"url"`
		}
		// What Validate lets through has a target, so that its secrets are bound to something.
		if d.Validate(data) == nil && (target == "" || json.Unmarshal(data, &s) == nil && jobs.PlaceholdersInAuthority(s.URL)) {
			t.Errorf("Validate(%q) = nil, the target is %q", data, target)
		}
		jobs.Idempotent(d, data)
	})
}

package webhook_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/carillon-go/carillon/drivers/drivertest"
	"github.com/carillon-go/carillon/drivers/safehttp"
	"github.com/carillon-go/carillon/drivers/webhook"
	"github.com/carillon-go/carillon/jobs"
)

func TestConformance(t *testing.T) {
	t.Parallel()
	d := loopback(t)
	drivertest.Run(t, func(t testing.TB) drivertest.Subject {
		entered := make(chan struct{}, 1)
		r := startReceiver(t, func(w http.ResponseWriter, r *http.Request) {
			switch r.URL.Path {
			case "/wait":
				entered <- struct{}{}
				<-r.Context().Done()
			case "/busy":
				w.Header().Set("Retry-After", "7")
				w.WriteHeader(http.StatusTooManyRequests)
			case "/break":
				panic(http.ErrAbortHandler)
			case "/gone":
				http.NotFound(w, r)
			}
		})
		to := func(path string) json.RawMessage {
			return settings(t, r.URL+path, map[string]any{"secret": "sesame-open-7"})
		}
		return drivertest.Subject{
			Driver: d,
			Good:   to("/"),
			Bad: map[string]json.RawMessage{
				"no URL":           json.RawMessage(`{}`),
				"an address":       json.RawMessage(`{"url":"http://[fd00::1%25eth0]/","secret":"sesame-open-7"}`),
				"a header":         settings(t, r.URL, map[string]any{"headers": map[string]string{"X-Signature-256": "x"}}),
				"an unknown field": settings(t, r.URL, map[string]any{"method": "PUT"}),
				"an empty secret":  settings(t, r.URL, map[string]any{"secret": ""}),
			},
			Failures: map[string]drivertest.Failure{
				"busy":    {Data: to("/busy"), Want: jobs.RetryAdvice{After: 7e9}},
				"gone":    {Data: to("/gone"), Want: jobs.RetryAdvice{Permanent: true}},
				"perhaps": {Data: to("/break"), Want: jobs.RetryAdvice{Unclear: true}},
			},
			Wait: func() drivertest.Waiting { return drivertest.Waiting{Data: to("/wait"), Entered: entered} },
			Effects: func() []string {
				var keys []string
				for _, got := range r.requests() {
					keys = append(keys, strings.Trim(got.header.Get("Idempotency-Key"), `"`))
				}
				return keys
			},
		}
	})
}

func FuzzDriver(f *testing.F) {
	for _, seed := range []string{
		``, `{`, `[]`, `{"url":"https://example.com/${a}","body":{"a":"<"},"secret":"x"}`, `{"url":"http://example.com","body":"text"}`,
		`{"url":"http://example.com","body":null,"headers":{"Content-Type":"a"}}`, `{"url":"http://example.com","expectStatus":[200,200]}`,
	} {
		f.Add([]byte(seed))
	}
	client, err := safehttp.New(safehttp.Policy{})
	if err != nil {
		f.Fatal(err)
	}
	d := webhook.New(client)
	f.Fuzz(func(t *testing.T, data []byte) {
		d.SecretTarget(data)
		preview, err := d.Preview(t.Context(), &jobs.Task{Data: data, Key: "k"})
		if err != nil {
			return
		}
		if err := d.Validate(data); err != nil && !strings.Contains(string(data), "$") && !strings.Contains(string(data), `\u0024`) {
			t.Errorf("a preview of %q succeeds, but Validate = %v", data, err)
		}
		if _, err := json.Marshal(preview); err != nil {
			t.Errorf("Preview(%q) is not JSON: %v", data, err)
		}
	})
}

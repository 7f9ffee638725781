package apicall_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/carillon-go/carillon/drivers/apicall"
	"github.com/carillon-go/carillon/drivers/safehttp"
	"github.com/carillon-go/carillon/jobs"
)

func newDriver(t testing.TB, p safehttp.Policy) *apicall.Driver {
	t.Helper()
	client, err := safehttp.New(p)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	return apicall.New(client)
}

func loopback(t testing.TB) *apicall.Driver {
	t.Helper()
	return newDriver(t, safehttp.Policy{AllowPrivate: true})
}

func serve(t testing.TB, h http.HandlerFunc) string {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s.URL
}

func newTask(t testing.TB, data map[string]any) *jobs.Task {
	t.Helper()
	text, err := json.Marshal(data)
	if err != nil {
		t.Fatal(err)
	}
	return &jobs.Task{Data: text, Key: "abcdefghijklmnopqrstuvwxyz234567", Attempt: 1}
}

func TestDriver_Run_request(t *testing.T) {
	t.Parallel()
	type seen struct{ Method, Query, Body, Auth, Type, Key string }
	var got seen
	url := serve(t, func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		got = seen{
			r.Method, r.URL.RawQuery, string(body), r.Header.Get("Authorization"),
			r.Header.Get("Content-Type"), r.Header.Get("Idempotency-Key"),
		}
		w.WriteHeader(http.StatusAccepted)
	})
	d := loopback(t)
	const key = `"abcdefghijklmnopqrstuvwxyz234567"`
	for name, c := range map[string]struct {
		data map[string]any
		want seen
	}{
		"the default is GET without a body": {map[string]any{"url": url}, seen{Method: "GET", Key: key}},
		"query is added, encoded": {
			map[string]any{"url": url + "/?z=1", "query": map[string]any{"a b": "c&d", "n": 12, "l": []any{true, "x"}}},
			seen{Method: "GET", Query: "z=1&a+b=c%26d&l=true&l=x&n=12", Key: key},
		},
		"a secret header and a JSON body": {
			map[string]any{"url": url, "method": "PUT", "secretHeaders": map[string]string{"authorization": "Bearer t"}, "body": []int{1}},
			seen{Method: "PUT", Body: "[1]", Auth: "Bearer t", Type: "application/json", Key: key},
		},
	} {
		output, err := d.Run(t.Context(), newTask(t, c.data))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
		if output.Data.(apicall.Output).Status != http.StatusAccepted {
			t.Errorf("%s: output %+v", name, output)
		}
	}
}

func TestDriver_Run_advice(t *testing.T) {
	t.Parallel()
	url := serve(t, func(w http.ResponseWriter, r *http.Request) {
		for name, values := range r.URL.Query() {
			if name == "Retry-After" || name == "Date" {
				w.Header()[name] = values
			}
		}
		var status int
		if _, err := fmt.Sscanf(r.URL.Path, "/%d", &status); err != nil {
			t.Error(err)
		}
		w.WriteHeader(status)
	})
	d := loopback(t)
	again, permanent := jobs.RetryAdvice{}, jobs.RetryAdvice{Permanent: true}
	for _, c := range []struct {
		target string
		expect []int
		want   jobs.RetryAdvice
		fine   bool
	}{
		{target: "/200", fine: true},
		{target: "/204", fine: true},
		{target: "/404", expect: []int{200, 404}, fine: true},
		{target: "/200", expect: []int{201}, want: permanent},
		{target: "/302", want: permanent},
		{target: "/400", want: permanent},
		{target: "/401", want: permanent},
		{target: "/404?Retry-After=5", want: permanent},
		{target: "/409", want: permanent},
		{target: "/408", want: again},
		{target: "/425", want: again},
		{target: "/429", want: again},
		{target: "/500", want: again},
		{target: "/500?Retry-After=5", want: again},
		{target: "/502", want: again},
		{target: "/503", want: again},
		{target: "/429?Retry-After=7", want: jobs.RetryAdvice{After: 7 * time.Second}},
		{target: "/503?Retry-After=120", want: jobs.RetryAdvice{After: 2 * time.Minute}},
		{target: "/503?Retry-After=99999", want: jobs.RetryAdvice{After: time.Hour}},
		{target: "/503?Retry-After=99999999999999999999", want: jobs.RetryAdvice{After: time.Hour}},
		{target: "/503?Retry-After=-1", want: again},
		{target: "/503?Retry-After=soon", want: again},
		{target: "/503?Retry-After=Thu,+26+Mar+2026+06:00:30+GMT&Date=Thu,+26+Mar+2026+06:00:00+GMT", want: jobs.RetryAdvice{After: 30 * time.Second}},
		{target: "/503?Retry-After=Thu,+26+Mar+2026+05:00:00+GMT&Date=Thu,+26+Mar+2026+06:00:00+GMT", want: again},
	} {
		for _, method := range []string{"GET", "POST"} {
			data := map[string]any{"url": url + c.target, "method": method}
			if c.expect != nil {
				data["expectStatus"] = c.expect
			}
			_, err := d.Run(t.Context(), newTask(t, data))
			if c.fine {
				if err != nil {
					t.Errorf("%s %s, expecting %v: %v", method, c.target, c.expect, err)
				}
				continue
			}
			if got := jobs.AdviceOf(err); err == nil || got != c.want {
				t.Errorf("%s %s, expecting %v: %v says %+v, want %+v", method, c.target, c.expect, err, got, c.want)
			}
			path, _, _ := strings.Cut(c.target, "?")
			if want := fmt.Sprintf("%s %s%s answered %s", method, url, path, path[1:]); err == nil || !strings.HasPrefix(err.Error(), want) {
				t.Errorf("error %q, want %q", err, want)
			}
		}
	}
}

func TestDriver_Run_withoutAnswer(t *testing.T) {
	t.Parallel()
	var large atomic.Int64
	url := serve(t, func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/break":
			panic(http.ErrAbortHandler)
		case "/wait":
			<-r.Context().Done()
		case "/large":
			large.Add(1)
			w.Write(make([]byte, 5000))
		}
	})
	gone := httptest.NewServer(nil)
	gone.Close()
	d := newDriver(t, safehttp.Policy{AllowPrivate: true, MaxBody: 4000, HeaderTimeout: time.Minute})
	again, permanent, unclear := jobs.RetryAdvice{}, jobs.RetryAdvice{Permanent: true}, jobs.RetryAdvice{Unclear: true}
	for _, c := range []struct {
		name, url, message string
		get, post          jobs.RetryAdvice
	}{
		{"nobody listens", gone.URL, "connection refused", again, again},
		{"the connection breaks after the request", url + "/break", "the connection broke", again, unclear},
		{"no answer in time", url + "/wait", "no answer within 1s", again, unclear},
		{"the answer is too large", url + "/large", "larger than 4000 bytes", permanent, permanent},
		{"a refused address", "http://169.254.169.254/meta", "refused", permanent, permanent},
		{"a refused port", "http://127.0.0.1:25/", "port", permanent, permanent},
		{"user info", "http://ann:sesame@127.0.0.1/", "user name", permanent, permanent},
	} {
		for method, want := range map[string]jobs.RetryAdvice{"GET": c.get, "PUT": c.get, "DELETE": c.get, "POST": c.post, "PATCH": c.post} {
			data := map[string]any{"url": c.url, "method": method}
			if strings.HasSuffix(c.url, "/wait") {
				if method != "GET" && method != "POST" {
					continue // one of each kind is enough of waiting
				}
				data["timeoutSeconds"] = 1
			}
			_, err := d.Run(t.Context(), newTask(t, data))
			if got := jobs.AdviceOf(err); err == nil || got != want {
				t.Errorf("%s, %s: %v says %+v, want %+v", c.name, method, err, got, want)
				continue
			}
			if !strings.Contains(err.Error(), c.message) || strings.Contains(err.Error(), "sesame") || strings.Contains(err.Error(), "169.254.169.254:") {
				t.Errorf("%s, %s: the error is %q, want %q in it", c.name, method, err, c.message)
			}
		}
	}
	if n := large.Load(); n != 5 {
		t.Errorf("/large was called %d times for 5 runs", n)
	}
}

func TestDriver_Run_cause(t *testing.T) {
	t.Parallel()
	arrived := make(chan struct{})
	url := serve(t, func(_ http.ResponseWriter, r *http.Request) {
		arrived <- struct{}{}
		<-r.Context().Done()
	})
	for _, cause := range []error{jobs.ErrCanceled, jobs.ErrShutdown, jobs.ErrTimeout, jobs.ErrFenced} {
		ctx, cancel := context.WithCancelCause(t.Context())
		go func() {
			<-arrived
			cancel(cause)
		}()
		_, err := loopback(t).Run(ctx, newTask(t, map[string]any{"url": url}))
		if !errors.Is(err, cause) || jobs.AdviceOf(err) != (jobs.RetryAdvice{}) {
			t.Errorf("Run ended by %v = %v", cause, err)
		}
	}
}

func TestDriver_Run_redirect(t *testing.T) {
	t.Parallel()
	url := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/secret" {
			t.Error("the redirect was followed")
		}
		http.Redirect(w, r, "/secret", http.StatusFound)
	})
	_, err := loopback(t).Run(t.Context(), newTask(t, map[string]any{"url": url}))
	if err == nil || !strings.HasSuffix(err.Error(), "answered 302 Found") || !jobs.AdviceOf(err).Permanent {
		t.Errorf("Run = %v", err)
	}
	output, err := loopback(t).Run(t.Context(), newTask(t, map[string]any{"url": url, "expectStatus": []int{302}}))
	if err != nil || output.Data.(apicall.Output).Headers["location"] != "/secret" {
		t.Errorf("Run that expects 302 = %+v, %v", output, err)
	}
}

func TestDriver_IdempotentFor(t *testing.T) {
	t.Parallel()
	d := loopback(t)
	for data, want := range map[string]bool{
		``: true, `{}`: true, `{"method":"GET"}`: true, `{"method":"HEAD"}`: true, `{"method":"PUT"}`: true,
		`{"method":"DELETE"}`: true, `{"method":"OPTIONS"}`: true, `{"method":"POST"}`: false, `{"method":"PATCH"}`: false,
		`{"method":"${run.params.method}"}`: false, `{"method":"get"}`: false, `{"method":1}`: false, `{`: false,
	} {
		if got := jobs.Idempotent(d, json.RawMessage(data)); got != want {
			t.Errorf("Idempotent(%s) = %t, want %t", data, got, want)
		}
	}
}

func TestDriver_SecretTarget(t *testing.T) {
	t.Parallel()
	d := loopback(t)
	for url, want := range map[string]string{
		"https://Example.com/a?b#c":      "https://example.com:443",
		"HTTPS://example.com":            "https://example.com:443",
		"http://example.com:8080/${a.b}": "http://example.com:8080",
		"http://[2001:DB8::1]/":          "http://[2001:db8::1]:80",
		"https://example.com?${a}":       "https://example.com:443",
		"https://example.com/%zz${a}":    "https://example.com:443",
		"https://${a}/":                  "", // refused when it is written
		"":                               "",
		"//example.com":                  "",
		"ftp://example.com":              "",
		"http://:80/":                    "",
		"/path":                          "",
		"https://exa mple.com/":          "",
	} {
		if got := d.SecretTarget(json.RawMessage(fmt.Sprintf(`{"url":%q}`, url))); got != want {
			t.Errorf("SecretTarget(%q) = %q, want %q", url, got, want)
		}
	}
}

func TestDriver_Validate(t *testing.T) {
	t.Parallel()
	d := newDriver(t, safehttp.Policy{})
	for _, c := range []struct{ name, data, path string }{
		{"a good one", `{"url":"https://example.com/x","headers":{"X-A":"${run.params.a}"},"secretHeaders":{"Authorization":"t"}}`, ""},
		{"placeholders behind the host", `{"url":"https://example.com/${a}?d=${date('YYYY')}"}`, ""},
		{"a placeholder in the host", `{"url":"https://${a}.example.com/"}`, "url"},
		{"a placeholder in the port", `{"url":"https://example.com:${a}/"}`, "url"},
		{"a placeholder as the URL", `{"url":"${a}"}`, "url"},
		{"a placeholder that could end the host", `{"url":"https://example.com${a}"}`, "url"},
		{"a bad host before a placeholder", `{"url":"https://10.0.0.1/${a}"}`, "url"},
		{"no URL", `{"url":"nonsense"}`, "url"},
		{"a scheme", `{"url":"file:///etc/passwd"}`, "url"},
		{"user info", `{"url":"https://a:b@example.com/"}`, "url"},
		{"an inner address", `{"url":"http://127.0.0.1/"}`, "url"},
		{"a port", `{"url":"http://example.com:6379/"}`, "url"},
		{"a forbidden header", `{"url":"https://example.com","headers":{"host":"x"}}`, "headers.host"},
		{"a header that frames", `{"url":"https://example.com","secretHeaders":{"Transfer-Encoding":"x"}}`, "secretHeaders.Transfer-Encoding"},
		{"a proxy header", `{"url":"https://example.com","headers":{"Proxy-Authorization":"x"}}`, "headers.Proxy-Authorization"},
		{"a line break in a value", `{"url":"https://example.com","headers":{"X-A":"b\r\nHost: c"}}`, "headers.X-A"},
		{"a line break in a name", `{"url":"https://example.com","headers":{"X-A\r\nHost":"b"}}`, "headers.X-A\r\nHost"},
		{"a header of the driver", `{"url":"https://example.com","headers":{"x-job-attempt":"7"}}`, "headers.x-job-attempt"},
		{"a header twice", `{"url":"https://example.com","headers":{"x-a":"1"},"secretHeaders":{"X-A":"2"}}`, "secretHeaders.X-A"},
		{"a placeholder in a secret", `{"url":"https://example.com","secretHeaders":{"X-A":"${run.params.a}"}}`, "secretHeaders.X-A"},
	} {
		err := d.Validate(json.RawMessage(c.data))
		if c.path == "" {
			if err != nil {
				t.Errorf("%s: %v", c.name, err)
			}
			continue
		}
		v, ok := errors.AsType[*jobs.ValidationError](err)
		if !ok || len(v.Fields) != 1 || v.Fields[0].Path != c.path {
			t.Errorf("%s: %v, want a fault of %q", c.name, err, c.path)
		}
		if strings.HasPrefix(c.name, "a placeholder") && !strings.Contains(err.Error(), "placeholders") {
			t.Errorf("%s: %v does not say that placeholders are the fault", c.name, err)
		}
	}
}

// What a placeholder put into a header or URL is checked again (rule R47).
func TestDriver_Run_expanded(t *testing.T) {
	t.Parallel()
	url := serve(t, func(http.ResponseWriter, *http.Request) { t.Error("the server was reached") })
	for name, data := range map[string]map[string]any{
		"a line break in a header": {"url": url, "headers": map[string]string{"X-A": "b\r\nHost: evil"}},
		"a line break in the URL":  {"url": url + "/\r\nHost: evil"},
		"another method":           {"url": url, "method": "TRACE"},
		"an unknown field":         {"url": url, "follow": true},
		"another host":             {"url": "http://169.254.169.254/"},
	} {
		_, err := loopback(t).Run(t.Context(), newTask(t, data))
		if err == nil || !jobs.AdviceOf(err).Permanent || !errors.Is(err, jobs.ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

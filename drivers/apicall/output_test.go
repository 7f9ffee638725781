package apicall_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/carillon-go/carillon/drivers/apicall"
	"github.com/carillon-go/carillon/jobs"
)

// call gives the output of a GET that is answered by h, as JSON.
func call(t testing.TB, h http.HandlerFunc) (apicall.Output, string) {
	t.Helper()
	output, err := loopback(t).Run(t.Context(), newTask(t, map[string]any{"url": serve(t, h)}))
	if err != nil {
		t.Fatalf("Run: %v", err)
	}
	text, err := json.Marshal(output.Data)
	if err != nil {
		t.Fatalf("marshal the output: %v", err)
	}
	if len(text) > jobs.MaxStepOutput {
		t.Fatalf("the output has %d bytes", len(text))
	}
	return output.Data.(apicall.Output), string(text)
}

func TestDriver_Run_body(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, contentType, body, want string }{
		{"JSON", "application/json", ` {"a": [1, "<ä>"]} `, `{"a":[1,"\u003cä\u003e"]}`},
		{"JSON with a charset", "Application/JSON; charset=utf-8", `"x"`, `"x"`},
		{"a JSON dialect", "application/hal+json", `null`, `null`},
		{"an object without a type", "text/plain", `{"a":1}`, `{"a":1}`},
		{"an array without a type", "", `[1]`, `[1]`},
		{"a number as text", "text/plain", `12`, `"12"`},
		{"a large number", "application/json", `12345678901234567890`, `12345678901234567890`},
		{"a number that no program can hold", "application/json", `{"a":1e99999999999999999999}`, `"{\"a\":1e99999999999999999999}"`},
		{"broken JSON", "application/json", `{"a":`, `"{\"a\":"`},
		{"two values", "application/json", `{}{}`, `"{}{}"`},
		{"text", "text/html", "<b>\n", `"\u003cb\u003e\n"`},
		{"no text", "image/png", "\x89PNG\xff", `"�PNG�"`},
		{"nothing", "application/json", "", `""`},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			output, text := call(t, func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Type", c.contentType)
				w.Write([]byte(c.body))
			})
			if want := `"body":` + c.want + `}`; !strings.HasSuffix(text, want) {
				t.Errorf("output %s, want %s", text, want)
			}
			if output.Truncated {
				t.Error("the output says that it is cut")
			}
		})
	}
}

func TestDriver_Run_largeBody(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, body string
		kept       int // -1: JSON
		cut        bool
	}{
		{"64 KiB of letters", strings.Repeat("x", 64<<10), 64 << 10, false},
		{"one byte more", strings.Repeat("x", 64<<10+1), 64 << 10, true},
		{"64 KiB of JSON", `["` + strings.Repeat("x", 64<<10-4) + `"]`, -1, false},
		{"JSON of one byte more is text", `["` + strings.Repeat("x", 64<<10-3) + `"]`, 64 << 10, true},
		{"signs that JSON writes as six", strings.Repeat("<", 64<<10), (160<<10 - 2) / 6, true},
		{"JSON of such signs is text", `["` + strings.Repeat("<", 50<<10) + `"]`, (160<<10-2-2*1-2)/6 + 2, true},
		{"control characters", strings.Repeat("\x01", 64<<10), (160<<10 - 2) / 6, true},
		{"no text", strings.Repeat("\xff ", 30<<10), 30 << 10 * 4, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			output, _ := call(t, func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Type", "application/json")
				w.Write([]byte(c.body))
			})
			if output.Truncated != c.cut {
				t.Errorf("truncated = %t, want %t", output.Truncated, c.cut)
			}
			text, isText := output.Body.(string)
			switch {
			case isText != (c.kept >= 0):
				t.Errorf("the body is %T", output.Body)
			case isText && (len(text) < c.kept-6 || len(text) > c.kept+6):
				t.Errorf("kept %d bytes, want about %d", len(text), c.kept)
			}
		})
	}
}

func TestDriver_Run_responseHeaders(t *testing.T) {
	t.Parallel()
	output, _ := call(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Set-Cookie", "sid=sesame")
		w.Header()["X-List"] = []string{"a", "b"}
		w.Header().Set("X-Bytes", "\xe4")
		w.Header().Set("X-Huge", strings.Repeat("<", 12<<10))
	})
	h := output.Headers
	if h["x-list"] != "a, b" || h["x-bytes"] != "\uFFFD" {
		t.Errorf("headers %v", h)
	}
	if _, ok := h["set-cookie"]; ok {
		t.Error("a cookie is in the output")
	}
	if _, ok := h["x-huge"]; ok || !output.Truncated {
		t.Errorf("a header that is too large is kept, or not reported: truncated = %t", output.Truncated)
	}
}

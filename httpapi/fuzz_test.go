package httpapi_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/carillon-go/carillon/httpapi"
	"github.com/carillon-go/carillon/jobs"
)

// FuzzCheckJSON: what the check accepts, encoding/json reads without a loss: printed and read again it is the same value, and
// accepted again.
func FuzzCheckJSON(f *testing.F) {
	for _, seed := range []string{
		`{"name":"x","data":{"a":[1,2.50,-1e9,true,null]}}`, `[]`, `"\ud83d\udd14"`, `"\ud83d"`, `"\ud83dx\udd14"`, `"\udd14\ud83d"`, `"\\ud83d"`, `"\u0000"`, `{"a":1,"a":2}`,
		`{"a":1,"\u0061":2}`, `{"a":{"b":1,"b":1}}`, `{"a":1,}`, `[1 2]`, `[1,]`, `{"a" 1}`, `{1:2}`, `{"a":1} {}`, "\xff", "\"\xc3\x28\"", ``, ` `, `nul`, `01`, `1.`, `-`, `"`, `{`, `[}`,
		strings.Repeat("[", 40) + strings.Repeat("]", 40), `{"":{"":0}}`, "\ufeff{}", `"\/\b\f\n\r\t\""`, `1e400`, `"a\u00e9\uFFFD"`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if err := httpapi.CheckJSON(data); err != nil {
			if err.Error() == "" {
				t.Error("a refusal without a reason")
			}
			return
		}
		if !utf8.Valid(data) || !json.Valid(data) {
			t.Fatalf("accepted what is no JSON: %q", data)
		}
		value, err := read(data)
		if err != nil {
			t.Fatalf("accepted what encoding/json does not read: %q: %v", data, err)
		}
		printed, err := json.Marshal(value)
		if err != nil {
			t.Fatal(err)
		}
		if err := httpapi.CheckJSON(printed); err != nil {
			t.Fatalf("printed again it is refused: %q: %v", printed, err)
		}
		again, err := read(printed)
		if err != nil || !cmp.Equal(value, again) {
			t.Fatalf("printed again it is another value: %s (%v)", cmp.Diff(value, again), err)
		}
		if strings.ContainsRune(string(printed), '\ufffd') && !strings.ContainsRune(string(data), '\ufffd') &&
			!strings.Contains(strings.ToLower(string(data)), `\ufffd`) {
			t.Fatalf("a character was replaced in silence: %q", data)
		}
	})
}

func read(data []byte) (any, error) {
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	var v any
	err := d.Decode(&v)
	return v, err
}

// FuzzQuery: any query is taken or refused with a body that can be read; nothing but 400.
func FuzzQuery(f *testing.F) {
	for _, seed := range []string{
		"", "limit=30&start=0", "limit=0", "limit=+1", "sort=-createdAt,status&sort=success", "sort=", "sort=-", "q=a+b", "q=%ff", "q=%00", "success=true", "success=TRUE", "from=2026-01-01",
		"from=2026-03-29T02:30", "from=0000-00-00", "a;b", "%", "=", "&&&", "limit=1&limit=2", "%ff=1", "x=" + strings.Repeat("y", 3000), "start=999999999999999999999",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		err := httpapi.QueryFaults(&http.Request{URL: &url.URL{RawQuery: raw}})
		if err == nil {
			return
		}
		body, status := httpapi.ErrorBody(err)
		if status != http.StatusBadRequest || !json.Valid(body) || !utf8.Valid(body) {
			t.Errorf("query %q: status %d, body %s", raw, status, body)
		}
		var read struct {
			Message    string
			Validation struct {
				Source string
				Keys   []string
			}
			Details []struct{ Key string }
		}
		if err := json.Unmarshal(body, &read); err != nil || read.Message == "" || len(read.Details) != len(read.Validation.Keys) {
			t.Errorf("query %q: body %s: %v", raw, body, err)
		}
	})
}

// FuzzPathID: whatever stands at the place of an id is 404, or another path.
func FuzzPathID(f *testing.F) {
	for _, seed := range []string{
		"x", "globex:a", "globex:", ":a", "team:x:y", "..", ".", "%2e%2e", "a%2Fb", "%00", "%ff", "a b", "0b0e5a52-4c4c-4f0e-9b51-6a3f1f7f2d10", "0B0E5A52-4C4C-4F0E-9B51-6A3F1F7F2D10",
		"globex:a-", "globex:" + strings.Repeat("a", 101), "*", ":id", "_edit", "?", "#",
	} {
		f.Add(seed)
	}
	w := newWorld(f)
	f.Fuzz(func(t *testing.T, id string) {
		for _, path := range []string{"/api/jobs/" + id, "/api/jobs/" + id + "/history/" + id, "/api/jobs/" + id + "/actions/" + id} {
			u, err := url.Parse(path)
			if err != nil || u.Host != "" {
				continue
			}
			u.RawQuery, u.Fragment = "", ""
			r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", http.NoBody)
			r.URL = u
			r.Header.Set(callerHeader, "mara")
			answer := httptest.NewRecorder()
			w.api.ServeHTTP(answer, r)
			switch {
			case answer.Code == http.StatusNotFound:
			case answer.Code == http.StatusBadRequest && strings.Contains(answer.Body.String(), "8192"):
			case answer.Code == http.StatusOK && strings.Contains(answer.Body.String(), `"total":0`) && strings.Trim(u.Path, "/") == "api/jobs":
			default:
				t.Errorf("path %q: status %d: %s", path, answer.Code, answer.Body)
			}
		}
		if ref, ok := jobs.ParseJobRef(id); ok {
			if back := string(ref.ID) + ref.Prefix; ref.ID == "" && back+":"+ref.Slug != id || ref.ID != "" && back != id {
				t.Errorf("id %q was read as %+v", id, ref)
			}
		}
	})
}

// FuzzLastEventID: an id that is taken is a number from 0 that is written again in the same way, but for zeros and a plus in front.
func FuzzLastEventID(f *testing.F) {
	for _, seed := range []string{"", "0", "12", "-1", "+7", "007", "9223372036854775807", "9223372036854775808", "1e3", "0x10", " 1", "1_000", "٣"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, header string) {
		n, err := httpapi.LastEventID(header)
		if err != nil {
			var body struct{ Validation struct{ Source string } }
			text, status := httpapi.ErrorBody(err)
			if err := json.Unmarshal(text, &body); err != nil || status != http.StatusBadRequest || body.Validation.Source != "headers" {
				t.Errorf("header %q: %d %s", header, status, text)
			}
			return
		}
		if header == "" {
			if n != -1 {
				t.Errorf("without the header the stream begins at %d", n)
			}
			return
		}
		if want := strings.TrimLeft(strings.TrimPrefix(header, "+"), "0"); n < 0 || strconv.FormatInt(n, 10) != want && n != 0 {
			t.Errorf("header %q was read as %d", header, n)
		}
	})
}

// FuzzIfMatch: only the tags that we make give versions, and each of ours gives its own.
func FuzzIfMatch(f *testing.F) {
	for _, seed := range []string{`"r1.abc"`, `W/"r1.abc"`, `"r1.abc", "r2.def"`, `*`, ``, `"`, `""`, `"."`, `","`, `r1.abc`, `"r1"`, `"r1.a`, ` "t17.x" `} {
		f.Add(seed, "r1")
	}
	f.Fuzz(func(t *testing.T, header, version string) {
		versions, any := httpapi.IfMatch(header)
		if any && len(versions) > 0 {
			t.Errorf("header %q: any, and %q", header, versions)
		}
		for _, v := range versions {
			if !strings.Contains(header, `"`+v+".") {
				t.Errorf("header %q has no version %q", header, v)
			}
		}
		if strings.ContainsAny(version, `",.`) || strings.TrimSpace(version) != version {
			return
		}
		tag := httpapi.EntityTag(version, []byte(header))
		if got, any := httpapi.IfMatch(tag + ", W/" + tag); any || !cmp.Equal(got, []string{version}) {
			t.Errorf("tag %s of version %q was read as %q", tag, version, got)
		}
	})
}

var errUnknown = errors.New("secret text of a database: " + canary)

// TestErrorBody_Unknown: the text of an error that nobody has thought of is not for the caller.
func TestErrorBody_Unknown(t *testing.T) {
	body, status := httpapi.ErrorBody(errUnknown)
	if status != http.StatusInternalServerError || strings.Contains(string(body), canary) {
		t.Errorf("status %d: %s", status, body)
	}
	body, status = httpapi.ErrorBody(&jobs.UnavailableError{Reason: "the database is away", Cause: errUnknown})
	if status != http.StatusServiceUnavailable || strings.Contains(string(body), canary) || !strings.Contains(string(body), "The database is away") {
		t.Errorf("status %d: %s", status, body)
	}
}

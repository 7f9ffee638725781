package httpapi

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/carillon-go/carillon/jobs"
)

// stamp is a moment on the wire: UTC with milliseconds, or null if it is zero (contract 1.8).
type stamp time.Time

func (s stamp) MarshalJSON() ([]byte, error) {
	t := time.Time(s)
	if t.IsZero() {
		return []byte("null"), nil
	}
	return []byte(`"` + jobs.FormatTime(t) + `"`), nil
}

// text is a string on the wire that is null if it is empty.
type text string

func (s text) MarshalJSON() ([]byte, error) {
	if s == "" {
		return []byte("null"), nil
	}
	return json.Marshal(string(s))
}

// encode is JSON without the escaping that is for HTML.
func encode(v any) ([]byte, error) {
	var buf bytes.Buffer
	e := json.NewEncoder(&buf)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return nil, fmt.Errorf("encode answer: %w", err)
	}
	return buf.Bytes(), nil
}

// write answers with a body.
func write(w http.ResponseWriter, r *http.Request, status int, v any) error {
	body, err := encode(v)
	if err != nil {
		return err
	}
	writeBytes(w, r, status, body)
	return nil
}

// writePlain is write for the few answers that are no HAL, whatever the client accepts.
func writePlain(w http.ResponseWriter, r *http.Request, v any) error {
	body, err := encode(v)
	if err != nil {
		return err
	}
	send(w, r, http.StatusOK, plainJSON, body)
	return nil
}

// writeProblem answers with an error.
func writeProblem(w http.ResponseWriter, r *http.Request, status int, v errorBody) {
	body, err := encode(v)
	if err != nil {
		// Facts of a conflict that cannot be encoded are left out rather than the whole answer.
		v.Data = nil
		body, _ = encode(v) // strings and numbers only: cannot fail
	}
	send(w, r, status, plainJSON, body)
}

const plainJSON = "application/json; charset=utf-8"

func writeBytes(w http.ResponseWriter, r *http.Request, status int, body []byte) {
	contentType := plainJSON
	if acceptsHAL(r) {
		contentType = "application/hal+json"
	}
	send(w, r, status, contentType, body)
}

func send(w http.ResponseWriter, r *http.Request, status int, contentType string, body []byte) {
	w.Header().Set("Content-Type", contentType)
	w.WriteHeader(status)
	if r.Method != http.MethodHead {
		_, _ = w.Write(body) // the client is gone: nobody is left to be told
	}
}

func acceptsHAL(r *http.Request) bool {
	for _, header := range r.Header.Values("Accept") {
		if strings.Contains(header, "application/hal+json") {
			return true
		}
	}
	return false
}

// writeTagged answers a GET with an entity tag, or with 304 if the client has that version.
func writeTagged(w http.ResponseWriter, r *http.Request, version string, v any) error {
	body, err := encode(v)
	if err != nil {
		return err
	}
	tag := entityTag(version, body)
	w.Header().Set("ETag", tag)
	if matchesNone(strings.Join(r.Header.Values("If-None-Match"), ","), tag) {
		w.WriteHeader(http.StatusNotModified)
		return nil
	}
	writeBytes(w, r, http.StatusOK, body)
	return nil
}

// writeVersion answers a write with the new representation and its entity tag.
func writeVersion(w http.ResponseWriter, r *http.Request, status int, version string, v any) error {
	body, err := encode(v)
	if err != nil {
		return err
	}
	w.Header().Set("ETag", entityTag(version, body))
	writeBytes(w, r, status, body)
	return nil
}

// entityTag is a strong tag of two parts: the version of the definition, which If-Match looks at, and a hash of the whole
// representation, which also changes when a run starts or ends. So a job that is running can be edited with If-Match.
func entityTag(version string, body []byte) string {
	sum := sha256.Sum256(body)
	return `"` + version + "." + base64.RawURLEncoding.EncodeToString(sum[:12]) + `"`
}

func jobVersion(j *jobs.Job) string { return fmt.Sprintf("r%d", j.Revision) }

func actionVersion(a *jobs.Action) string { return fmt.Sprintf("t%d", a.UpdatedAt.UnixMilli()) }

func associationVersion(a *jobs.Association) string {
	return fmt.Sprintf("t%d", a.UpdatedAt.UnixMilli())
}

func attachmentVersion(a *jobs.Attachment) string { return fmt.Sprintf("t%d", a.UpdatedAt.UnixMilli()) }

// matchesNone is If-None-Match, which compares weakly.
func matchesNone(header, tag string) bool {
	if strings.TrimSpace(header) == "*" {
		return true
	}
	for candidate := range strings.SplitSeq(header, ",") {
		if strings.TrimPrefix(strings.TrimSpace(candidate), "W/") == tag {
			return true
		}
	}
	return false
}

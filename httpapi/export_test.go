package httpapi

import (
	"encoding/json"
	"net/http"

	"github.com/carillon-go/carillon/jobs"
)

// RouteLine is a line of the route table as tests see it.
type RouteLine struct {
	Method, Path, Group string
	Accounts            bool
}

// RouteTable gives the route table.
func RouteTable() []RouteLine {
	lines := make([]RouteLine, len(routes))
	for i, r := range routes {
		lines[i] = RouteLine{r.method, r.path, string(r.group), r.accounts}
	}
	return lines
}

// CheckJSON is the check of every body.
func CheckJSON(data []byte) error { return checkJSON(data) }

// LastEventID reads the header of that name.
func LastEventID(header string) (int64, error) {
	r := &http.Request{Header: http.Header{"Last-Event-Id": {header}}}
	return lastEventID(&request{Request: r})
}

// IfMatch reads the versions of a header of that name.
func IfMatch(header string) (versions []string, star bool) {
	r := &http.Request{Header: http.Header{"If-Match": {header}}}
	return (&request{Request: r}).ifMatch()
}

// EntityTag makes a tag of a version.
func EntityTag(version string, body []byte) string { return entityTag(version, body) }

// EncodeRun makes the wire form of a run.
func (a *API) EncodeRun(r *jobs.Run) ([]byte, error) { return encode(a.newRunView(r)) }

// QueryFaults reads a query like that of GET /jobs/{id}/history.
func QueryFaults(r *http.Request) error {
	q, err := newQuery(r)
	if err != nil {
		return err
	}
	q.page(30)
	q.sort(jobs.RunSortFields)
	q.words()
	q.boolean("success")
	q.moment("from", "Europe/Berlin")
	return q.finish()
}

// ErrorBody is the body of an error.
func ErrorBody(err error) (json.RawMessage, int) {
	body, _, _ := problem(err)
	data, encodeErr := encode(body)
	if encodeErr != nil {
		panic(encodeErr)
	}
	return data, body.StatusCode
}

// LiveStreams is how many streams are open.
func (a *API) LiveStreams() int {
	a.streams.mu.Lock()
	defer a.streams.mu.Unlock()
	return a.streams.taken
}

// Waiting is how many requests wait for the end of a run.
func (a *API) Waiting() int {
	a.waiting.mu.Lock()
	defer a.waiting.mu.Unlock()
	return a.waiting.taken
}

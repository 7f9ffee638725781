package httpapi

import (
	"encoding/json"
	"net/http"
	"slices"

	"github.com/carillon-go/carillon/jobs"
)

// RouteLine is a line of the route table as tests see it.
type RouteLine struct {
	Method, Path, Group     string
	Accounts                bool
	Name, Summary, Resource string
	// Shown are the statuses of the table itself, Implied those that come from the route's form.
	Shown, Implied []int
	HasBody        bool
	// Parameters and Fields are the names that the readers of the route ask for.
	Parameters, Fields []string
	Words              map[string]string
}

// RouteTable gives the route table.
func RouteTable() []RouteLine {
	lines := make([]RouteLine, len(routes))
	for i, r := range routes {
		lines[i] = RouteLine{
			Method: r.method, Path: r.path, Group: string(r.group), Accounts: r.accounts, Name: r.name, Summary: r.summary,
			Resource: r.resource, Shown: slices.DeleteFunc(r.statuses(), func(s int) bool {
				return slices.Contains(r.implied(), s) && !slices.Contains(r.also, s)
			}),
			Implied: r.implied(), HasBody: !r.body.none(), Parameters: r.parameters().names(), Words: r.words,
		}
		if fields := r.body.shape(); fields != nil {
			lines[i].Fields = fields.names()
		}
	}
	return lines
}

// ClosedDocument is the OpenAPI document of all routes, with objects that may hold nothing else than what is described.
func ClosedDocument() ([]byte, error) { return encode(newDocument(routes, "/api", true)) }

// PathWords explain the wildcards of paths.
func PathWords() map[string]string { return pathWords }

// Resources explain the parts of the table.
func Resources() map[string]string { return resources }

// Glossary are the words for parameters and headers that mean the same wherever they are.
func Glossary() map[string]string { return glossary }

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

// Disposition writes a Content-Disposition header, DispositionName reads the name of one.
func Disposition(name string) string { return disposition(name) }

// DispositionName reads the file name of headers.
func DispositionName(headers []string) (string, error) { return dispositionName(headers) }

// ReadUpload makes an upload of a request.
func ReadUpload(r *http.Request, limit int64) (jobs.Upload, error) { return readUpload(r, limit) }

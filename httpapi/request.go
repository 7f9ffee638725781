package httpapi

import (
	"net/http"
	"runtime/debug"
	"strconv"
	"strings"
	"time"

	"github.com/julienschmidt/httprouter"

	"github.com/carillon-go/carillon/jobs"
)

// request is what a handler gets: the HTTP request, the wildcards of its path, and the client that acts as the caller.
type request struct {
	*http.Request
	id       string
	params   httprouter.Params
	identity Identity
	client   *jobs.Client
}

// job reads :id. What cannot be the id of a job does not exist.
func (r *request) job() (jobs.JobRef, error) {
	ref, ok := jobs.ParseJobRef(r.params.ByName("id"))
	if !ok {
		return jobs.JobRef{}, jobs.NotFound("job")
	}
	return ref, nil
}

// uuid reads a wildcard that is a UUID; what is none does not exist (contract 1.4).
func (r *request) uuid(wildcard, kind string) (string, error) {
	id := r.params.ByName(wildcard)
	if !jobs.ValidUUID(id) {
		return "", jobs.NotFound(kind)
	}
	return id, nil
}

// jobAction reads :id and :jobActionId. The job is looked at first, so that one that cannot be read is what is not found.
func (r *request) jobAction() (jobs.JobRef, jobs.ActionID, error) {
	ref, err := r.job()
	if err != nil {
		return ref, "", err
	}
	id, err := r.uuid("jobActionId", "action")
	if err != nil {
		return ref, "", r.below(ref, err)
	}
	return ref, jobs.ActionID(id), nil
}

// jobRun reads :id and :historyId, in the same order.
func (r *request) jobRun() (jobs.JobRef, jobs.RunID, error) {
	ref, err := r.job()
	if err != nil {
		return ref, "", err
	}
	id, err := r.uuid("historyId", "run")
	if err != nil {
		return ref, "", r.below(ref, err)
	}
	return ref, jobs.RunID(id), nil
}

// below gives the error of a bad id below a job, or that of the job if the caller cannot read it.
func (r *request) below(ref jobs.JobRef, err error) error {
	if _, jobErr := r.client.Job(r.Context(), ref); jobErr != nil {
		return jobErr
	}
	return err
}

// ifMatch reads the expected version from If-Match: the mark before the hash of an entity tag of ours (see entityTag). Without the header,
// or with *, it is empty: nothing is expected. A tag that we did not make matches nothing: "none".
func (r *request) ifMatch() string {
	header := strings.TrimSpace(r.Header.Get("If-Match"))
	if header == "" || header == "*" {
		return ""
	}
	for tag := range strings.SplitSeq(header, ",") {
		tag = strings.Trim(strings.TrimSpace(tag), `"`)
		if version, _, ok := strings.Cut(tag, "."); ok {
			return version
		}
	}
	return "none"
}

// expectRevision is If-Match of a job.
func (r *request) expectRevision() jobs.Precondition {
	version := r.ifMatch()
	if version == "" {
		return jobs.Precondition{}
	}
	n, err := strconv.ParseInt(strings.TrimPrefix(version, "r"), 10, 64)
	if err != nil || n <= 0 || !strings.HasPrefix(version, "r") {
		n = -1 // matches no revision
	}
	return jobs.Precondition{Revision: n}
}

// expectUpdatedAt is If-Match of an action.
func (r *request) expectUpdatedAt() jobs.Precondition {
	version := r.ifMatch()
	if version == "" {
		return jobs.Precondition{}
	}
	ms, err := strconv.ParseInt(strings.TrimPrefix(version, "t"), 10, 64)
	if err != nil || !strings.HasPrefix(version, "t") {
		ms = -1
	}
	return jobs.Precondition{UpdatedAt: time.UnixMilli(ms).UTC()}
}

// response knows whether a part of the answer is out.
type response struct {
	http.ResponseWriter
	started bool
}

func (w *response) WriteHeader(status int) {
	w.started = true
	w.ResponseWriter.WriteHeader(status)
}

func (w *response) Write(p []byte) (int, error) {
	w.started = true
	return w.ResponseWriter.Write(p)
}

// Unwrap is for http.ResponseController.
func (w *response) Unwrap() http.ResponseWriter { return w.ResponseWriter }

func stack() string { return string(debug.Stack()) }

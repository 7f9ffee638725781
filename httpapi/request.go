package httpapi

import (
	"net/http"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/julienschmidt/httprouter"

	"github.com/carillon-go/carillon/httpapi/identity"
	"github.com/carillon-go/carillon/jobs"
)

// request is what a handler gets: the HTTP request, the wildcards of its path, and the client that acts as the caller.
type request struct {
	*http.Request
	id       string
	params   httprouter.Params
	identity Identity
	client   *jobs.Client
	// accounts are the built-in accounts as the caller sees them; nil with the identities of a host.
	accounts *identity.Client
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

// attachment reads :id, :jobActionId and :jobActionAttachmentId, each looked at only when what is above it exists.
func (r *request) attachment() (jobs.AttachmentRef, error) {
	job, action, err := r.jobAction()
	ref := jobs.AttachmentRef{Job: job, Action: action}
	if err != nil {
		return ref, err
	}
	id, err := r.uuid("jobActionAttachmentId", "attachment")
	if err != nil {
		if _, _, above := r.client.Action(r.Context(), job, action); above != nil {
			return ref, above
		}
		return ref, err
	}
	ref.ID = jobs.AttachmentID(id)
	return ref, nil
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

// ifMatch reads the expected versions from If-Match: the marks before the hashes of entity tags of ours (see entityTag). Without the
// header, or with *, star is true: nothing is expected. Tags that we did not make match nothing; nor do weak ones, which If-Match may not
// compare.
func (r *request) ifMatch() (versions []string, star bool) {
	header := strings.TrimSpace(strings.Join(r.Header.Values("If-Match"), ","))
	if len(r.Header.Values("If-Match")) == 0 || header == "*" {
		return nil, true
	}
	for tag := range strings.SplitSeq(header, ",") {
		tag = strings.TrimSpace(tag)
		if len(tag) < 2 || tag[0] != '"' || tag[len(tag)-1] != '"' {
			continue
		}
		if version, hash, ok := strings.Cut(tag[1:len(tag)-1], "."); ok && hash != "" {
			versions = append(versions, version)
		}
	}
	return versions, false
}

// expected gives the one of several versions that is the present one, or the first: whether it still holds is decided by the write.
// A number that no version can have stands for a tag that matches nothing.
func expected(versions []string, mark string, present func() int64) int64 {
	var numbers []int64
	for _, v := range versions {
		n, err := strconv.ParseInt(strings.TrimPrefix(v, mark), 10, 64)
		if err == nil && n > 0 && strings.HasPrefix(v, mark) {
			numbers = append(numbers, n)
		}
	}
	if len(numbers) == 0 {
		return -1
	}
	if len(numbers) > 1 {
		if now := present(); slices.Contains(numbers, now) {
			return now
		}
	}
	return numbers[0]
}

// expectRevision is If-Match of a job.
func (r *request) expectRevision(ref jobs.JobRef) jobs.Precondition {
	versions, star := r.ifMatch()
	if star {
		return jobs.Precondition{}
	}
	return jobs.Precondition{Revision: expected(versions, "r", func() int64 {
		j, err := r.client.Job(r.Context(), ref)
		if err != nil {
			return 0 // the write finds the same error, or none any more
		}
		return j.Revision
	})}
}

// expectUpdatedAt is If-Match of an action.
func (r *request) expectUpdatedAt(ref jobs.JobRef, id jobs.ActionID) jobs.Precondition {
	versions, star := r.ifMatch()
	if star {
		return jobs.Precondition{}
	}
	ms := expected(versions, "t", func() int64 {
		j, i, err := r.client.Action(r.Context(), ref, id)
		if err != nil {
			return 0 // as above
		}
		return j.Actions[i].UpdatedAt.UnixMilli()
	})
	return jobs.Precondition{UpdatedAt: time.UnixMilli(ms).UTC()}
}

// expectAttachment is If-Match of an attachment.
func (r *request) expectAttachment(ref jobs.AttachmentRef) jobs.Precondition {
	versions, star := r.ifMatch()
	if star {
		return jobs.Precondition{}
	}
	ms := expected(versions, "t", func() int64 {
		in, err := r.client.Attachment(r.Context(), ref)
		if err != nil {
			return 0 // as above
		}
		return in.Attachment().UpdatedAt.UnixMilli()
	})
	return jobs.Precondition{UpdatedAt: time.UnixMilli(ms).UTC()}
}

// expectVersion is If-Match of a thing whose tags have its revision: 0 if nothing is expected.
func (r *request) expectVersion(present func() int64) int64 {
	versions, star := r.ifMatch()
	if star {
		return 0
	}
	return expected(versions, "r", present)
}

// expectNothing is If-Match of a thing without entity tags: no tag can match it.
func (r *request) expectNothing() error {
	if _, star := r.ifMatch(); !star {
		return jobs.ErrPrecondition
	}
	return nil
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

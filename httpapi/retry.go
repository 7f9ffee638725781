package httpapi

import (
	"net/http"
	"slices"

	"github.com/carillon-go/carillon/jobs"
)

// Words of the body of a retry (contract 20.5).
type (
	retryFrom     string
	retryRevision string
)

const (
	retryFailed  retryFrom     = "failed"
	retryStart   retryFrom     = "start"
	retrySame    retryRevision = "same"
	retryCurrent retryRevision = "current"
)

// readRetry reads the body of contract 20.5.
func readRetry(b *body) jobs.RetryOptions {
	return jobs.RetryOptions{
		FromStart: choice(b, "from", retryFailed, retryStart) == retryStart,
		Current:   choice(b, "revision", retrySame, retryCurrent) == retryCurrent,
	}
}

// choice reads a field that is one of some words; the first one if it is left out.
func choice[T ~string](b *body, name string, words ...T) T {
	w := word[T](b, name)
	b.note(name).words = texts(words)
	if !w.Set {
		return words[0]
	}
	if !slices.Contains(words, w.Value) || w.Null {
		b.faults.Add(b.at(name), "is %q; %s", clip(string(w.Value)), orList(texts(words)))
		return words[0]
	}
	return w.Value
}

// retryRun serves POST /jobs/{id}/history/{historyId}/_retry.
func (a *API) retryRun(w http.ResponseWriter, r *request) error {
	ref, id, err := r.jobRun()
	if err != nil {
		return err
	}
	if _, err := r.client.RunByID(r.Context(), ref, id); err != nil {
		return err
	}
	if err := r.client.Can(r.Context(), ref, jobs.PermissionRun); err != nil {
		return err
	}
	wait, err := runWait(r, 0)
	if err != nil {
		return err
	}
	key, err := idempotencyKey(r)
	if err != nil {
		return err
	}
	b, err := newBodyBesideQuery(r.Request, true)
	if err != nil {
		return err
	}
	o := readRetry(b)
	if err := b.finish(); err != nil {
		return err
	}
	if a.closed() {
		return &jobs.UnavailableError{Reason: "The server is shutting down"}
	}
	o.Key, o.NeedWorker = key, wait.seconds != 0
	run, err := r.client.RetryRun(r.Context(), ref, id, o)
	if err != nil {
		return err
	}
	return a.writeStarted(w, r, ref, run, wait)
}

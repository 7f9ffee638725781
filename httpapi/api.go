package httpapi

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"sync"

	"github.com/julienschmidt/httprouter"

	"github.com/carillon-go/carillon/httpapi/identity"
	"github.com/carillon-go/carillon/jobs"
)

// Options change how the API is served. The zero value needs an Authenticator or Accounts; everything else works.
type Options struct {
	// Prefix is the path below which the routes live; empty is "/api". A host that mounts the handler at /host/api says so here and
	// strips nothing: hrefs in answers carry it.
	Prefix string

	// Authenticator tells who a request comes from: the host's own users. Exactly one of it and Accounts is set.
	Authenticator Authenticator
	// Accounts is the built-in identity: users, sessions and tokens, with their routes (contract 15).
	Accounts *identity.Accounts

	// StreamsPerUser and Streams bound the live streams, 20 and 500 if zero; beyond them the answer is 503. Waiting bounds the requests
	// that wait for the end of a run, 1000 if zero; beyond it the run is started all the same and the answer is 202 at once (R65).
	StreamsPerUser int
	Streams        int
	Waiting        int

	// Logger gets one record for each failure of the server: answers of status 500, of 503 with a cause that a person has to know, and
	// answers that broke off; nil is slog.Default().
	Logger *slog.Logger
}

// API is the handler. It may serve any number of requests at once.
type API struct {
	service *jobs.Service
	options Options
	prefix  string
	router  *httprouter.Router
	origin  *http.CrossOriginProtection
	log     *slog.Logger

	// document is the OpenAPI document, made when somebody asks for it first.
	document func() ([]byte, error)

	streams *quota
	feed    *jobs.Feed
	waiting *quota

	// closing is closed by Close: streams and waiting requests end, new runs are refused.
	closing   chan struct{}
	closeOnce sync.Once
}

// New makes the handler over the use cases.
func New(service *jobs.Service, o Options) (*API, error) {
	if (o.Authenticator == nil) == (o.Accounts == nil) {
		return nil, errors.New("httpapi: exactly one of Options.Authenticator and Options.Accounts must be set")
	}
	if o.Prefix == "" {
		o.Prefix = "/api"
	}
	if !strings.HasPrefix(o.Prefix, "/") || strings.HasSuffix(o.Prefix, "/") || strings.ContainsAny(o.Prefix, ":*?#%{}\" ") {
		return nil, fmt.Errorf("httpapi: Options.Prefix %q must begin with / and not end with it, without : * ? # %% { }", o.Prefix)
	}
	if o.Accounts != nil {
		o.Authenticator = accountsAuthenticator{o.Accounts}
	}
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	a := &API{
		service: service, options: o, prefix: o.Prefix, log: o.Logger, origin: http.NewCrossOriginProtection(),
		streams: newQuota(orDefault(o.Streams, 500), orDefault(o.StreamsPerUser, 20)),
		waiting: newQuota(orDefault(o.Waiting, 1000), orDefault(o.Waiting, 1000)),
		feed:    service.NewFeed(),
		closing: make(chan struct{}),
	}
	a.router = a.newRouter()
	present := a.routes()
	a.document = sync.OnceValues(func() ([]byte, error) { return encode(newDocument(present, a.prefix, false)) })
	return a, nil
}

// ServeHTTP answers a request below the prefix; every other path is 404.
func (a *API) ServeHTTP(w http.ResponseWriter, r *http.Request) { a.router.ServeHTTP(w, r) }

// Close ends live streams and waiting requests and refuses new runs with 503; other routes go on. It is for shutting down and harmless to
// repeat.
func (a *API) Close() { a.closeOnce.Do(func() { close(a.closing) }) }

func (a *API) closed() bool {
	select {
	case <-a.closing:
		return true
	default:
		return false
	}
}

func orDefault(n, def int) int {
	if n > 0 {
		return n
	}
	return def
}

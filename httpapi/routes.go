package httpapi

import (
	"errors"
	"net"
	"net/http"
	"slices"
	"strings"

	"github.com/julienschmidt/httprouter"

	"github.com/carillon-go/carillon/jobs"
)

// group is the row of the permission matrix that a route belongs to (reliability section 9). The use cases check it; the table says
// what a test has to find.
type group string

const (
	groupOpen     group = "open"
	groupIdentity group = "I"
	groupCreate   group = "C"
	groupTags     group = "G"
	groupRead     group = "L1"
	groupRun      group = "L2"
	groupEdit     group = "L3"
	groupShare    group = "L5"
	groupFull     group = "L10"
	groupSuper    group = "S"
	groupCluster  group = "K"
	// groupOwn: superusers, and users for their own record. groupTeam: superusers, and admins of the team.
	groupOwn  group = "own"
	groupTeam group = "team"
)

// permissions are the groups in the words of contract 1.5, for the document.
var permissions = map[group]string{
	groupOpen: "open", groupIdentity: "identity", groupCreate: "jobs:create", groupRead: "read", groupRun: "job:run", groupEdit: "job:edit",
	groupTags: "tags:create", groupShare: "job:share", groupFull: "job:delete", groupSuper: "superuser", groupCluster: "cluster:manage",
	groupOwn: "superuser, or the user itself", groupTeam: "superuser, or an admin of the team",
}

// route is one line of the table from which the router, the OpenAPI document and the tests of the routes are made. What is read from a request
// is not written down a second time: query and body are the readers themselves, which are run over nothing to describe it (see describe.go).
// Nor are the errors that every route of its form has (see implied).
type route struct {
	method string
	// path is below the prefix, in the router's notation. Wildcard names are those of contract 16.1.
	path   string
	group  group
	handle func(*API, http.ResponseWriter, *request) error
	// accounts: the route exists only with the built-in identity.
	accounts bool

	// name is the operationId: lower camel case, unique, and never changed after a release, because clients are generated from it. summary is
	// one line for people, without a dot.
	name, summary string
	// query reads the parameters: asks(reader). Without one the route has none.
	query func(*query)
	// body is what the route reads: reads(reader), mayRead(reader), noFields, or content types. Without one the route has none.
	body bodyForm
	// answers are those that are no errors; also are the statuses of its paragraph of the contract that implied does not know.
	answers answers
	also    []int
	// tagged: the thing has an entity tag, so GET may answer 304 and all answers with it carry ETag.
	tagged bool
	// headers are those that the request may have, beyond those of every route of its form.
	headers []string
	// words explain parameters and headers of this route that the glossary does not know, or that mean something else here.
	words map[string]string

	// resource is the part of the table that the route is in.
	resource string
}

// routes is the table. Each resource has its part beside its handlers.
var routes = slices.Concat(
	part("jobs", jobListRoutes),
	part("jobs", jobRoutes),
	part("drafts", draftRoutes), part("revisions", revisionRoutes), part("jobs", copyRoutes),
	part("actions", actionRoutes),
	part("actions", reorderRoutes), part("attachments", attachmentRoutes), part("attachments", fileRoutes),
	part("datasets", datasetRoutes), part("datasets", snapshotRoutes), part("pickers", pickerRoutes),
	part("history", runRoutes), part("history", statsRoutes),
	part("shares", shareRoutes), part("tags", tagRoutes), part("tags", jobTagRoutes), part("favorites", favoriteRoutes), part("jobs", ownerRoutes),
	part("schedules", scheduleRoutes),
	part("schedules", forecastRoutes),
	part("jobs", feedRoutes),
	part("workers", workerRoutes),
	part("drivers", driverRoutes),
	part("templates", templateRoutes),
	part("session", sessionRoutes),
	part("tokens", tokenRoutes),
	part("users", userRoutes),
	part("teams", teamRoutes),
	part("document", openAPIRoutes),
)

// part marks the routes of a resource.
func part(resource string, routes []route) []route {
	marked := slices.Clone(routes)
	for i := range marked {
		marked[i].resource = resource
	}
	return marked
}

// routes are those that exist in this API.
func (a *API) routes() []route {
	return slices.DeleteFunc(slices.Clone(routes), func(r route) bool { return r.accounts && a.options.Accounts == nil })
}

// newRouter registers the table. A conflict of two routes panics here, at the first start of any test.
func (a *API) newRouter() *httprouter.Router {
	r := httprouter.New()
	r.RedirectTrailingSlash, r.RedirectFixedPath, r.HandleOPTIONS = false, false, false
	r.HandleMethodNotAllowed = true
	for _, route := range a.routes() {
		handle := a.handler(route)
		r.Handle(route.method, a.prefix+route.path, handle)
		if route.method == http.MethodGet {
			r.Handle(http.MethodHead, a.prefix+route.path, handle)
		}
	}
	r.NotFound = a.fixed(jobs.NotFound("route"))
	r.MethodNotAllowed = a.notAllowed()
	return r
}

// notAllowed answers 405. The router counts OPTIONS among the allowed methods although it does not serve it here.
func (a *API) notAllowed() http.Handler {
	answer := a.fixed(fail(http.StatusMethodNotAllowed, "The method is not allowed on this path"))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		methods := strings.Split(w.Header().Get("Allow"), ", ")
		methods = slices.DeleteFunc(methods, func(m string) bool { return m == http.MethodOptions })
		w.Header().Set("Allow", strings.Join(methods, ", "))
		answer.ServeHTTP(w, r)
	})
}

func (a *API) fixed(err error) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		a.writeError(w, r, a.begin(w), err)
	})
}

// begin sets what every answer has, and gives the id of the request.
func (a *API) begin(w http.ResponseWriter) string {
	id := jobs.NewUUID()
	h := w.Header()
	h.Set("X-Request-Id", id)
	h.Set("Cache-Control", "private, no-cache")
	h.Set("X-Content-Type-Options", "nosniff")
	return id
}

// handler is what every route goes through: identity, origin, read-only tokens, panics, errors.
func (a *API) handler(route route) httprouter.Handle {
	return func(w http.ResponseWriter, r *http.Request, params httprouter.Params) {
		req := &request{Request: r, params: params, id: a.begin(w)}
		out := &response{ResponseWriter: w}
		defer func() {
			v := recover()
			if v == nil {
				return
			}
			if v == http.ErrAbortHandler || out.started { //nolint:errorlint // the value of a panic is compared as net/http does
				panic(v) // the connection must break: the client has a part of an answer
			}
			a.log.ErrorContext(r.Context(), "panic in handler", "request_id", req.id, "path", route.path, "panic", v, "stack", stack())
			answerError(out, r, errors.New("panic"))
		}()
		if err := a.serve(out, req, route); err != nil {
			if out.started {
				a.logFailure(r, req.id, http.StatusOK, err)
				panic(http.ErrAbortHandler)
			}
			a.writeError(out, r, req.id, err)
		}
	}
}

// maxURL is the longest URL, in bytes (R65). The header block is bounded by the server: http.Server.MaxHeaderBytes.
const maxURL = 8 << 10

func (a *API) serve(w http.ResponseWriter, r *request, route route) error {
	if n := len(r.URL.EscapedPath()) + len(r.URL.RawQuery) + 1; n > maxURL {
		return fail(http.StatusBadRequest, "The URL has %d bytes; at most %d", n, maxURL)
	}
	origin := jobs.Origin{RequestID: r.id, Address: a.clientAddress(r.Request)}
	r.Request = r.WithContext(jobs.WithOrigin(r.Context(), origin))
	if route.group == groupOpen {
		if err := a.origin.Check(r.Request); err != nil {
			return jobs.Forbidden("cross-origin request")
		}
		return route.handle(a, w, r)
	}
	who, err := a.options.Authenticator.Authenticate(r.Request)
	if err != nil {
		return authError(err)
	}
	if who.Principal.User == "" || who.Principal.Tenant == "" {
		return jobs.ErrUnauthenticated
	}
	if who.Address != "" {
		origin.Address = who.Address
		r.Request = r.WithContext(jobs.WithOrigin(r.Context(), origin))
	}
	if who.Cookie {
		if err := a.origin.Check(r.Request); err != nil {
			return jobs.Forbidden("cross-origin request")
		}
	}
	// Below a job its use cases say this, after they have looked whether the job can be read at all.
	if who.Principal.ReadOnly && !safe(r.Method) && !strings.HasPrefix(route.path, "/jobs/:id") {
		return jobs.Forbidden("the token is read-only")
	}
	r.identity, r.client = who, a.service.As(who.Principal)
	if accounts := a.options.Accounts; accounts != nil {
		r.accounts = accounts.As(who.who, accounts.ClientAddr(r.Request))
	}
	return route.handle(a, w, r)
}

// clientAddress is the address of the client as far as it can be believed.
func (a *API) clientAddress(r *http.Request) string {
	if a.options.Accounts != nil {
		return a.options.Accounts.ClientAddr(r).String()
	}
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return r.RemoteAddr // of a server that has no ports, such as one on a Unix socket
	}
	return host
}

func safe(method string) bool { return method == http.MethodGet || method == http.MethodHead }

// authError keeps the two kinds of failure apart: no identity, and no way to find out.
func authError(err error) error {
	if errors.Is(err, jobs.ErrUnauthenticated) || errors.Is(err, jobs.ErrUnavailable) {
		return err
	}
	return &jobs.UnavailableError{Reason: "Identities cannot be checked now", Cause: err}
}

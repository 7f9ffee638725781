package httpapi_test

import (
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/carillon-go/carillon/httpapi"
)

// wanted are the statuses that the stories of testdata have to show for each route: those that its paragraph of the contract names, and the
// common ones that it can have. 401, 404 of ids and 403 are shown for all by the permission matrix.
var wanted = map[string][]int{
	"GET /jobs":           {200, 400, 401, 503},
	"POST /jobs":          {201, 400, 401, 403, 409, 413, 415},
	"GET /jobs/:id":       {200, 304, 400, 401, 404},
	"POST /jobs/:id":      {200, 202, 400, 401, 403, 404, 409, 413, 415, 503},
	"PUT /jobs/:id":       {200, 400, 401, 403, 404, 409, 412, 413, 415},
	"DELETE /jobs/:id":    {204, 400, 401, 403, 404, 409, 412},
	"GET /jobs-list":      {200, 400, 401},
	"POST /logout":        nil,
	"GET /session":        {200, 401},
	"GET /tokens":         nil,
	"POST /tokens":        nil,
	"POST /login/:domain": nil, "DELETE /tokens/:tokenId": nil, // the built-in identity has tests of its own

	"GET /jobs/:id/actions":                        {200, 400, 404},
	"POST /jobs/:id/actions":                       {201, 400, 403, 404, 409, 415},
	"GET /jobs/:id/actions/:jobActionId":           {200, 304, 400, 404},
	"PUT /jobs/:id/actions/:jobActionId":           {200, 400, 403, 404, 412, 415},
	"DELETE /jobs/:id/actions/:jobActionId":        {204, 400, 403, 404, 409, 412},
	"POST /jobs/:id/actions/:jobActionId/_preview": {200, 400, 403, 404, 415},

	"GET /jobs/:id/history":                     {200, 400, 404},
	"DELETE /jobs/:id/history":                  {204, 400, 403, 404, 412},
	"GET /jobs/:id/history/:historyId":          {200, 400, 404},
	"DELETE /jobs/:id/history/:historyId":       {204, 400, 403, 404, 409, 412},
	"POST /jobs/:id/history/:historyId/_cancel": {202, 400, 403, 404, 409},
	"GET /jobs/:id/history/:historyId/progress": {200, 400, 404, 406},
	"GET /jobs/:id/history/:historyId/logs":     {200, 400, 404},
	"GET /jobs/:id/fires":                       {200, 400, 404},
	"GET /job-fire-times":                       {200, 400, 401},

	"GET /job-workers":              {200, 400, 401, 403},
	"GET /job-workers/:workerId":    {200, 400, 401, 403, 404},
	"PUT /job-workers/:workerId":    {200, 400, 401, 403, 404, 409, 412},
	"DELETE /job-workers/:workerId": {204, 400, 401, 403, 404, 409, 412},
	"GET /job-limits":               {200, 400, 401, 403},
	"PUT /job-limits":               {200, 400, 401, 403, 412},

	"GET /job-drivers":                      {200, 400, 401},
	"GET /job-drivers/:driverId":            {200, 400, 401, 404},
	"GET /job-action-drivers":               {200, 400, 401},
	"GET /job-action-drivers/:driverId":     {200, 400, 401, 404},
	"GET /job-attachment-drivers":           {200, 400, 401},
	"GET /job-attachment-drivers/:driverId": {401, 404},
}

// seenStatuses notes which statuses each route has given.
type seenStatuses struct {
	mu     sync.Mutex // guards the field below
	routes map[string]map[int]bool
}

func newSeen() *seenStatuses { return &seenStatuses{routes: map[string]map[int]bool{}} }

func (s *seenStatuses) note(method, path string, status int) {
	route, ok := routeOf(method, path)
	if !ok {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.routes[route] == nil {
		s.routes[route] = map[int]bool{}
	}
	s.routes[route][status] = true
}

// routeOf finds the line of the table that a path belongs to.
func routeOf(method, path string) (string, bool) {
	parts := strings.Split(strings.TrimPrefix(path, "/api"), "/")
	for _, route := range httpapi.RouteTable() {
		pattern := strings.Split(route.Path, "/")
		if route.Method != method || len(pattern) != len(parts) {
			continue
		}
		if slices.EqualFunc(pattern, parts, func(p, s string) bool { return p == s || strings.HasPrefix(p, ":") }) {
			return method + " " + route.Path, true
		}
	}
	return "", false
}

// complete fails for every status that no story has shown, and for every route that nobody has thought about.
func (s *seenStatuses) complete(t *testing.T) {
	t.Helper()
	for _, route := range httpapi.RouteTable() {
		name := route.Method + " " + route.Path
		statuses, ok := wanted[name]
		if !ok {
			t.Errorf("the statuses of the route %s are not listed", name)
		}
		for _, status := range statuses {
			if !s.routes[name][status] {
				t.Errorf("no story shows status %d of %s; it shows %v", status, name, slices.Sorted(maps.Keys(s.routes[name])))
			}
		}
	}
}

package httpapi_test

import (
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/carillon-go/carillon/httpapi"
)

// wanted are the statuses that the stories of testdata have to show for a route: all that the table names, and of those that come from its
// form bad input, unknown ids, the missing permission and a stale If-Match. The others are shown for all routes by tests of their own.
func wanted(route httpapi.RouteLine) []int {
	if route.Resource == "session" || route.Resource == "tokens" {
		return nil // log-ins have tests of their own
	}
	list := slices.Clone(route.Shown)
	for _, status := range route.Implied {
		switch status {
		case 400, 404, 412:
			list = append(list, status)
		case 403:
			if route.Group != "I" && route.Group != "L1" {
				list = append(list, status)
			}
		}
	}
	return slices.DeleteFunc(list, func(status int) bool { return slices.Contains(notShown[route.Method+" "+route.Path], status) })
}

// notShown are exceptions, each with its reason.
var notShown = map[string][]int{
	"PUT /users/:username/password": {429}, // pauses of a second are no matter of a story: TestAPI_setPassword_throttled
	"GET /job-events":               {200}, // a stream that does not end by itself: TestFeed
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
	below, ok := strings.CutPrefix(path, "/api")
	if !ok {
		return "", false
	}
	parts := strings.Split(below, "/")
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

// complete fails for every status that no story has shown, but those of notShown.
func (s *seenStatuses) complete(t *testing.T) {
	t.Helper()
	for _, route := range httpapi.RouteTable() {
		name := route.Method + " " + route.Path
		for _, status := range wanted(route) {
			if !s.routes[name][status] {
				t.Errorf("no story shows status %d of %s; it shows %v", status, name, slices.Sorted(maps.Keys(s.routes[name])))
			}
		}
	}
}

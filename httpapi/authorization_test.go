package httpapi_test

import (
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/carillon-go/carillon/httpapi"
	"github.com/carillon-go/carillon/httpapi/identity"
	"github.com/carillon-go/carillon/jobs"
)

// matrixJob is a job of the matrix with one part of each kind, by the wildcard that names it, and the level of each caller on it; who is not
// named has none.
type matrixJob struct {
	job    jobs.ID
	slug   string
	parts  parts
	levels map[string]jobs.Level
}

// levelOf is the least level of a group of the table in reliability section 9.
var levelOf = map[string]jobs.Level{"L1": jobs.LevelRead, "L2": jobs.LevelRun, "L3": jobs.LevelEdit, "L5": jobs.LevelShare, "L10": jobs.LevelFull}

// matrix is a world with a job of a team, one of a user and one of another tenant, each with a part of every kind.
type matrix struct {
	*world
	team, own, foreign matrixJob
}

func newMatrix(t testing.TB) matrix {
	t.Helper()
	w := newWorld(t)
	team := w.matrixJob("dataWizard", "team:logistics", map[string]jobs.Level{
		"member": 1, "memberPlus": 1, "designer": 2, "dataWizard": 3, "publisher": 5, "admin": 10, "boss": 10, "root": 10,
		"share1": 1, "share2": 2, "share3": 3, "share5": 5, "share10": 10,
	})
	for level, who := range map[jobs.Level]string{1: "share1", 2: "share2", 3: "share3", 5: "share5", 10: "share10"} {
		w.share(team.job, who, level)
	}
	tags := func(caller string, job jobs.ID) string {
		k, err := w.as(caller).CreateTag(t.Context(), "tag of "+string(job), "")
		if err == nil {
			_, err = w.as(caller).PutJobTag(t.Context(), jobs.JobRef{ID: job}, k.ID)
		}
		if err != nil {
			t.Fatal(err)
		}
		return string(k.ID)
	}
	team.parts[":principalId"], team.parts[":tagId"] = "share3", tags("boss", team.job)
	own := w.matrixJob("mara", "", map[string]jobs.Level{"mara": 10, "otto": 1, "boss": 10, "root": 10})
	w.share(own.job, "otto", jobs.LevelRead)
	own.parts[":principalId"], own.parts[":tagId"] = "otto", tags("boss", own.job)
	foreign := w.matrixJob("alien", "", nil)
	if _, err := w.as("alien").PutShare(t.Context(), jobs.JobRef{ID: foreign.job}, "kim", jobs.LevelRead); err != nil {
		t.Fatal(err)
	}
	foreign.parts[":principalId"], foreign.parts[":tagId"] = "kim", tags("alienboss", foreign.job)
	now := time.Now().UTC().Truncate(time.Millisecond)
	if err := w.store.RegisterWorker(t.Context(), now, jobs.Worker{
		ID: "w1", Hostname: "h", Status: jobs.WorkerActive, Concurrency: 1, StartedAt: now, HeartbeatAt: now,
	}); err != nil {
		t.Fatal(err)
	}
	return matrix{w, team, own, foreign}
}

// TestAuthorization is the matrix of reliability section 9: every route, every caller, every kind of id. Each request has a parameter that no
// route knows, so that a request which is allowed is 400 and changes nothing; with that the order 401, 404, 403, 400 is held too.
func TestAuthorization(t *testing.T) {
	oneByOne(t)
	m := newMatrix(t)
	w, team, own, foreign := m.world, m.team, m.own, m.foreign
	callers := []string{"", "stranger"}
	for name := range people {
		callers = append(callers, name, name+"+ro")
	}
	asked := 0
	for _, route := range httpapi.RouteTable() {
		if route.Accounts {
			continue // they do not exist beside a host's authenticator; their tests are beside the built-in identity
		}
		for _, place := range placesOf(route.Path, team, own, foreign) {
			for _, caller := range callers {
				want := wantedStatus(t, route, place, caller)
				r := httptest.NewRequestWithContext(t.Context(), route.Method, "/api"+place.path+"?matrix=1", strings.NewReader("{}"))
				r.Header.Set("Content-Type", "application/json")
				r.Header.Set(callerHeader, caller)
				answer := httptest.NewRecorder()
				w.api.ServeHTTP(answer, r)
				asked++
				if answer.Code != want {
					t.Errorf("%s %s (%s) as %q: status %d, want %d: %s", route.Method, route.Path, place.what, caller, answer.Code, want, answer.Body)
				}
			}
		}
	}
	if asked < 3000 {
		t.Errorf("the matrix has %d requests only", asked)
	}
	w.check()
}

// matrixJob makes a job of a caller for the matrix.
func (w *world) matrixJob(caller string, owner jobs.PrincipalID, levels map[string]jobs.Level) matrixJob {
	w.t.Helper()
	// The alias is another one for each job, so that it does not exist below the others.
	alias, set := "set_of_"+caller, jobs.DatasetID("globex:stock")
	if people[caller].Tenant == "initech" {
		set = "initech:secret"
	}
	j := w.job(caller, jobs.JobSpec{
		Type: "ok", Name: "Matrix", OwnerID: owner, Actions: []jobs.ActionSpec{{
			Type: "attach", Name: "a", Attachments: []jobs.AttachmentSpec{{Type: "file", Name: "f"}},
		}},
		Datasets: []jobs.AssociationSpec{{Alias: alias, DatasetID: set}},
		Policies: func() *jobs.Policies { p := jobs.DefaultPolicies(); p.Overlap = jobs.OverlapQueue; return &p }(),
	})
	run, err := w.as(caller).Run(w.t.Context(), jobs.JobRef{ID: j.ID}, jobs.RunOptions{})
	if err != nil {
		w.t.Fatal(err)
	}
	snapshot, err := w.datasets.TakeSnapshot(w.t.Context(), jobs.SnapshotRequest{
		Tenant: j.Tenant, DatasetID: set, Key: string(run.ID), JobID: j.ID, Alias: alias, RunID: run.ID, When: jobs.SnapshotBefore, Name: "s",
	})
	if err != nil {
		w.t.Fatal(err)
	}
	parts := parts{
		":alias": alias, ":snapshotId": string(snapshot.ID), ":jobActionId": string(j.Actions[0].ID), ":jobActionAttachmentId": string(j.Actions[0].Attachments[0].ID), ":historyId": string(run.ID), ":revision": "1",
	}
	return matrixJob{j.ID, j.NaturalID(), parts, levels}
}

// place is one way to fill the wildcards of a path. A nil job is one that nobody can see.
type place struct {
	what, path string
	job        *matrixJob
	// missing: the job is there, what is below it is not.
	missing bool
	// tenant, if it is set, is the only one in which the thing is there.
	tenant jobs.TenantID
}

const (
	unknownID = "01890a5d-ac96-774b-bcce-b302099a8057"
	malformed = "not-an-id"
)

func placesOf(path string, team, own, foreign matrixJob) []place {
	if !strings.HasPrefix(path, "/jobs/:id") {
		return itemPlaces(path, team, foreign)
	}
	teams := team.parts
	places := []place{
		{what: "unknown job", path: teams.in(path, unknownID)},
		{what: "malformed job", path: teams.in(path, malformed)},
		{what: "natural id of nobody", path: teams.in(path, "globex:nothing")},
	}
	add := func(what string, j *matrixJob, p parts, missing bool) {
		places = append(places, place{what: what, path: p.in(path, string(j.job)), job: j, missing: missing})
	}
	for _, j := range []*matrixJob{&team, &own} {
		add("own", j, j.parts, false)
		places = append(places, place{what: "natural id", path: j.parts.in(path, j.slug), job: j})
		if strings.Count(path, ":") > 1 {
			other := &own
			if j == &own {
				other = &team
			}
			// Revisions are counted for each job: that number of another job is none of this one only if it is too great.
			beyond := parts{":revision": "9"}
			add(wrongParent, j, other.parts.but(":revision", beyond), true)
			add("foreign part", j, foreign.parts.but(":revision", beyond), true)
			add("unknown part", j, teams.all(unknownID), true)
			add("malformed part", j, teams.all(malformed), true)
			// The last id alone is wrong: what is above it is the job's own.
			if last := path[strings.LastIndex(path, ":"):]; strings.Count(path, ":") > 2 {
				last, _, _ = strings.Cut(last, "/")
				add("wrong last parent", j, j.parts.but(last, other.parts), true)
				add("unknown last part", j, j.parts.but(last, teams.all(unknownID)), true)
				add("malformed last part", j, j.parts.but(last, teams.all(malformed)), true)
			}
		}
	}
	add("foreign tenant", &foreign, foreign.parts, false)
	places = append(places, place{what: "foreign natural id", path: foreign.parts.in(path, "initech:matrix"), job: &foreign})
	return places
}

const wrongParent = "wrong parent"

// puts tells in which places a PUT makes the part that is missing.
func puts(route httpapi.RouteLine, at place) bool {
	switch route.Method + " " + route.Path {
	case "PUT /jobs/:id/shares/:principalId":
		return true // whether somebody has that name is a matter of the input
	case "PUT /jobs/:id/tags/:tagId":
		return at.what == wrongParent // a tag of the tenant that this job does not have
	}
	return false
}

// parts are the ids below a job by their wildcards.
type parts map[string]string

// all is p with the same id everywhere.
func (p parts) all(id string) parts {
	all := parts{}
	for wildcard := range p {
		all[wildcard] = id
	}
	return all
}

// but is p with the id of one wildcard from others.
func (p parts) but(wildcard string, others parts) parts {
	p = maps.Clone(p)
	p[wildcard] = others[wildcard]
	return p
}

// in fills the wildcards of a path.
func (p parts) in(path, job string) string {
	elements := strings.Split(path, "/")
	for i, e := range elements {
		switch {
		case e == ":id":
			elements[i] = job
		case strings.HasPrefix(e, ":"):
			if elements[i] = p[e]; elements[i] == "" {
				panic("the matrix has no part for " + path)
			}
		}
	}
	return strings.Join(elements, "/")
}

// itemPlaces are those of routes that are not below a job. Nobody is hidden a worker or a driver that exists.
func itemPlaces(path string, team, foreign matrixJob) []place {
	if !strings.Contains(path, ":") {
		return []place{{what: "no id", path: path}}
	}
	if strings.HasSuffix(path, "/:tagId") {
		in := func(id string) string { return strings.Replace(path, ":tagId", id, 1) }
		return []place{
			{what: "known", path: in(team.parts[":tagId"]), tenant: "globex"},
			{what: "foreign", path: in(foreign.parts[":tagId"]), tenant: "initech"},
			{what: "unknown", path: in(unknownID), missing: true},
			{what: "malformed", path: in(malformed), missing: true},
		}
	}
	driver := map[string]string{"/job-drivers": "ok", "/job-action-drivers": "noted", "/job-attachment-drivers": "made"}
	known := map[string]string{":workerId": "w1", ":templateId": "stock", ":driverId": driver[path[:strings.LastIndex(path, "/")]]}
	var places []place
	for wildcard, id := range known {
		if strings.Contains(path, wildcard) {
			places = append(places,
				place{what: "known", path: strings.Replace(path, wildcard, id, 1)},
				place{what: "unknown", path: strings.Replace(path, wildcard, "nothing-of-that", 1), missing: true})
		}
	}
	return places
}

// wantedStatus is the matrix.
func wantedStatus(t *testing.T, route httpapi.RouteLine, at place, caller string) int {
	t.Helper()
	if route.Group == "open" {
		return http.StatusBadRequest
	}
	name, readOnly := strings.CutSuffix(caller, "+ro")
	p, known := people[name]
	if !known || p.User == "" {
		return http.StatusUnauthorized
	}
	writes := route.Method != http.MethodGet
	status := func(allowed bool) int {
		switch {
		case !allowed || readOnly && writes:
			return http.StatusForbidden
		case at.missing || at.tenant != "" && at.tenant != p.Tenant:
			return http.StatusNotFound
		}
		return http.StatusBadRequest
	}
	switch route.Group {
	case "I":
		return status(true)
	case "C":
		return status(p.Rights.CreateJobs || p.Superuser)
	case "G":
		return status(p.Rights.CreateTags || p.Superuser)
	case "S":
		return status(p.Superuser)
	case "K":
		return status(p.Rights.ManageCluster)
	case "L1", "L2", "L3", "L5", "L10":
	default:
		t.Fatalf("%s %s has no group of the matrix: %q", route.Method, route.Path, route.Group)
	}
	level := levelIn(at, name, p)
	if route.Method == http.MethodDelete && strings.HasSuffix(at.path, "/shares/"+name) && level >= jobs.LevelRead {
		level = jobs.LevelFull // everybody may give back their own share
	}
	if strings.HasSuffix(route.Path, "/copy") && !p.Superuser && !p.Rights.CreateJobs {
		level = min(level, jobs.LevelRead) // it needs the right of the user besides
	}
	switch {
	case level < jobs.LevelRead || at.missing && !puts(route, at):
		return http.StatusNotFound
	case level < levelOf[route.Group] || readOnly && writes:
		return http.StatusForbidden
	}
	return http.StatusBadRequest
}

// levelIn is the level of a caller on the job of a place.
func levelIn(at place, name string, p jobs.Principal) jobs.Level {
	switch {
	case at.job == nil:
		return jobs.LevelNone
	case at.job.levels == nil: // the job of the other tenant
		if p.Tenant == "initech" {
			return jobs.LevelFull
		}
		return jobs.LevelNone
	case p.Tenant != "globex":
		return jobs.LevelNone
	}
	return at.job.levels[name]
}

// TestAuthorization_Accounts: without a session or a token that lives, the built-in identity lets nobody in but to log in.
func TestAuthorization_Accounts(t *testing.T) {
	w := newWorld(t)
	accounts, err := identity.New(w.store, identity.Options{DefaultTenant: "globex", Logger: w.logger()})
	if err != nil {
		t.Fatal(err)
	}
	api, err := httpapi.New(w.service, httpapi.Options{Accounts: accounts, Logger: w.logger()})
	if err != nil {
		t.Fatal(err)
	}
	proofs := map[string]string{"": "", "Authorization": "Bearer jobs_" + canary, "Cookie": "sid=" + canary}
	for _, route := range httpapi.RouteTable() {
		want := http.StatusUnauthorized
		switch route.Path {
		case "/login/:domain":
			want = http.StatusNotFound // the domain of the path is none
		case "/job-openapi.json":
			want = http.StatusOK
		}
		for name, proof := range proofs {
			r := httptest.NewRequestWithContext(t.Context(), route.Method, "/api"+route.Path, strings.NewReader("{}"))
			r.Header.Set("Content-Type", "application/json")
			if name != "" {
				r.Header.Set(name, proof)
			}
			answer := httptest.NewRecorder()
			api.ServeHTTP(answer, r)
			if answer.Code != want {
				t.Errorf("%s %s with %q: status %d, want %d", route.Method, route.Path, name, answer.Code, want)
			}
		}
	}
	if strings.Contains(w.log.String(), canary) {
		t.Errorf("the log holds the proof: %s", w.log)
	}
}

// TestAuthorization_Groups holds that exactly the routes below a job go by levels, and that nothing is written with the level that reads.
func TestAuthorization_Groups(t *testing.T) {
	groups := map[string]bool{}
	for _, route := range httpapi.RouteTable() {
		groups[route.Group] = true
		if below := strings.HasPrefix(route.Path, "/jobs/:id"); below != (levelOf[route.Group] > 0) {
			t.Errorf("%s %s is of group %s", route.Method, route.Path, route.Group)
		}
		// A draft and a favorite are the caller's own.
		own := strings.HasSuffix(route.Path, "/draft") || strings.HasSuffix(route.Path, "/favorite")
		if wantsWrite := route.Method != http.MethodGet; wantsWrite && route.Group == "L1" && !own {
			t.Errorf("%s %s writes with the level that reads", route.Method, route.Path)
		}
	}
	if len(groups) < 8 {
		t.Errorf("groups of the table: %s", fmt.Sprint(groups))
	}
}

package httpapi_test

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// model is what the system should be, as plain values: no store, no code of the library. Each method says what a request does to it and what
// status it has to get.
type model struct {
	now  time.Time
	jobs []*modelJob
	tags map[string]modelTag // by id
}

type modelTag struct{ tenant, name string }

type modelJob struct {
	id, tenant, owner, slug, kind, name string
	description                         any
	enabled                             bool
	every                               int // minutes between fires; 0: by hand only
	anchor                              time.Time
	actions                             []modelAction
	shares                              map[string]int
	favorites                           map[string]bool
	tags                                []string // in the order in which they were put on
	datasets                            []modelDataset
	runs                                []modelRun // oldest first
	// fired are the fires that have or had a run, snapshots how many were taken under each alias, past what each revision was.
	fired     map[int64]bool
	snapshots map[string]int
	past      map[int]*modelJob
	defn      int // how often the definition was changed
	// of a draft: the job that it was made of, and how often that one had been changed then.
	original *modelJob
	base     int
	// enabledThen and ownerThen are what that job was and had then.
	enabledThen bool
	ownerThen   string
	// handedOver: only the owner and superusers may switch it on (contract 14.5).
	handedOver bool
}

type modelAction struct {
	id, origin, kind, name string
	files                  []modelFile
}

type modelCaller struct {
	name, tenant, user string
	creates, super     bool
	teams              map[string]int // level by team
	tagger             bool
}

// modelCallers are the principals of the play: an owner, a member of a team, one who may nothing by itself, a superuser, and a stranger.
var modelCallers = []modelCaller{
	{name: "mara", tenant: "globex", user: "mara", creates: true},
	{name: "dataWizard", tenant: "globex", user: "dataWizard", creates: true, teams: map[string]int{"team:logistics": 3}},
	{name: "otto", tenant: "globex", user: "otto"},
	{name: "boss", tenant: "globex", user: "boss", super: true, creates: true, tagger: true},
	{name: "alien", tenant: "initech", user: "mara", creates: true},
}

// level is the level of a caller on a job (contract 1.5).
func (c modelCaller) level(j *modelJob) int {
	switch {
	case j == nil || j.tenant != c.tenant:
		return 0
	case c.super || j.owner == c.user:
		return 10
	case j.original != nil:
		return 0
	}
	best := c.teams[j.owner]
	for who, level := range j.shares {
		if who == c.user || c.teams[who] > 0 {
			best = max(best, level)
		}
	}
	return best
}

// mayOwn tells whether a caller may make a job of an owner.
func (c modelCaller) mayOwn(owner string) bool {
	return c.super || owner == c.user || c.teams[owner] >= 3
}

// refused is 404 or 403 if a caller lacks a level, else 0.
func (c modelCaller) refused(j *modelJob, least int) int {
	switch level := c.level(j); {
	case level == 0:
		return 404
	case level < least:
		return 403
	}
	return 0
}

// next is the fire after the model's now; zero if nothing will fire.
func (m *model) next(j *modelJob) time.Time {
	if !j.enabled || j.every == 0 || j.original != nil {
		return time.Time{}
	}
	step := time.Duration(j.every) * time.Minute
	n := m.now.Sub(j.anchor)/step + 1
	return j.anchor.Add(n * step)
}

// pass lets time go on, and gives the fires that each job has had meanwhile.
func (m *model) pass(d time.Duration) map[*modelJob][]time.Time {
	fires := map[*modelJob][]time.Time{}
	end := m.now.Add(d)
	for _, j := range m.jobs {
		for at := m.next(j); !at.IsZero() && !at.After(end); at = at.Add(time.Duration(j.every) * time.Minute) {
			fires[j] = append(fires[j], at)
		}
	}
	m.now = end
	return fires
}

// remember keeps what the newest revision of each job is.
func (m *model) remember() {
	for _, j := range m.jobs {
		if j.past == nil {
			j.past = map[int]*modelJob{}
		}
		if j.past[j.defn+1] == nil {
			j.past[j.defn+1] = j.clone()
		}
	}
}

// clone is a copy of a definition that shares no list with it.
func (j *modelJob) clone() *modelJob {
	d := &modelJob{
		tenant: j.tenant, owner: j.owner, slug: j.slug, kind: j.kind, name: j.name, description: j.description, enabled: j.enabled,
		every: j.every, anchor: j.anchor, defn: j.defn, datasets: slices.Clone(j.datasets), shares: map[string]int{}, favorites: map[string]bool{},
	}
	for _, a := range j.actions {
		a.files = slices.Clone(a.files)
		d.actions = append(d.actions, a)
	}
	return d
}

// visible are the jobs that a caller may read, in the order of a list.
func (m *model) visible(c modelCaller, keep func(*modelJob) bool) []string {
	var list []*modelJob
	for _, j := range m.jobs {
		if j.original == nil && c.level(j) > 0 && keep(j) {
			list = append(list, j)
		}
	}
	slices.SortFunc(list, func(a, b *modelJob) int {
		return strings.Compare(strings.ToLower(a.name)+"\x00"+a.id, strings.ToLower(b.name)+"\x00"+b.id)
	})
	ids := make([]string, len(list))
	for i, j := range list {
		ids[i] = j.id
	}
	return ids
}

func (m *model) slugTaken(tenant, slug string, but *modelJob) bool {
	return slices.ContainsFunc(m.jobs, func(j *modelJob) bool { return j != but && j.tenant == tenant && j.slug == slug && slug != "" })
}

func (m *model) remove(j *modelJob) {
	m.jobs = slices.DeleteFunc(m.jobs, func(other *modelJob) bool { return other == j || other.original == j })
}

// draft is the draft that a user has of a job.
func (m *model) draft(c modelCaller, j *modelJob) *modelJob {
	for _, d := range m.jobs {
		if d.original == j && d.owner == c.user {
			return d
		}
	}
	return nil
}

// view is what a caller has to see of a job.
func (m *model) view(c modelCaller, j *modelJob) map[string]any {
	level := c.level(j)
	draft := j.original != nil
	actions := []any{}
	for i, a := range j.actions {
		actions = append(actions, map[string]any{
			"id": a.id, "type": a.kind, "name": a.name, "index": i, "originId": orNil(a.origin),
			"_embedded": map[string]any{"inf:job-attachment": viewFiles(a.files)},
		})
	}
	v := map[string]any{
		"id": j.id, "tenant": j.tenant, "ownerId": j.owner, "type": j.kind, "name": j.name, "description": j.description, "enabled": j.enabled,
		"slug": orNil(j.slug), "naturalId": j.tenant + ":" + j.slug, "interval": nil, "intervalType": nil, "nextRunAt": nil, "editingId": nil,
		"shared": len(j.shares) > 0, "favorite": j.favorites[c.user], "lastRun": nil, "lockedAt": nil,
		"permissions": map[string]any{
			"edit": level >= 3, "write": level >= 3, "delete": level >= 10, "share": level >= 5 && !draft, "run": level >= 2 && !draft,
			"copy": level >= 2 && !draft, "changeOwner": level >= 10 && !draft, "assignTags": level >= 3 && !draft,
		},
		"_embedded": map[string]any{"inf:job-action": actions, "inf:dataset": viewDatasets(j.datasets)}, "revision": j.defn + 1,
	}
	if draft {
		v["naturalId"], v["editingId"] = j.id, j.original.id
	}
	if j.every > 0 {
		v["interval"], v["intervalType"] = fmt.Sprintf("%d minutes", j.every), "simple"
	}
	if at := m.next(j); !at.IsZero() {
		v["nextRunAt"] = at.UTC().Format("2006-01-02T15:04:05.000Z")
	}
	if n := len(j.runs); n > 0 {
		v["lastRun"] = map[string]any{"status": j.runs[n-1].status, "success": j.runs[n-1].status == "success"}
	}
	v["tags"] = append([]string{}, j.tags...)
	return v
}

func orNil(s string) any {
	if s == "" {
		return nil
	}
	return s
}

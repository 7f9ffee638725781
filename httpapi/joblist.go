package httpapi

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/carillon-go/carillon/jobs"
)

var jobListRoutes = []route{
	{
		method: "GET", path: "/jobs", group: groupIdentity, handle: (*API).listJobs,
		name: "listJobs", summary: "Search the jobs that the caller can read", query: asks(readJobQuery),
		answers: answers{200: page{"inf:job", jobListItem{}, jobCollection{}}},
	},
	{
		method: "GET", path: "/jobs-list", group: groupIdentity, handle: (*API).flatJobs,
		name: "listJobsFlat", summary: "All jobs that the caller can read, as a plain array", answers: answers{200: []flatJob{}},
	},
}

// jobListItem is a job as GET /jobs shows it (contract 2.1, fields marked L, and 20.6).
type jobListItem struct {
	jobItem
	OwnerName   string          `json:"ownerName"`
	Tags        []string        `json:"tags"`
	Permissions permissionsView `json:"permissions"`
	Favorite    bool            `json:"favorite"`
	// Draft is the caller's own.
	Draft        *draftNote `json:"draft"`
	ScheduleText string     `json:"scheduleText"`
	// Recent has the newest run first.
	Recent []jobs.RunStatus `json:"recent"`
	Late   bool             `json:"late"`
}

type draftNote struct {
	ID        jobs.ID `json:"id"`
	UpdatedAt stamp   `json:"updatedAt"`
}

func (a *API) newJobListItem(p jobs.Principal, s *jobs.JobSummary, owner string, now time.Time) jobListItem {
	item := jobListItem{
		jobItem: a.newSummaryItem(s), OwnerName: owner, Tags: texts(s.Tags), Permissions: newPermissionsView(p.PermissionsOnSummary(s)),
		Favorite:     s.Favorite,
		ScheduleText: s.Schedule.Words(), Recent: s.Recent, Late: s.Late(now),
	}
	if item.Recent == nil {
		item.Recent = []jobs.RunStatus{}
	}
	if s.Draft != nil {
		item.Draft = &draftNote{s.Draft.ID, stamp(s.Draft.UpdatedAt)}
	}
	return item
}

// noRun is the word of the parameter lastStatus for jobs of which no run has ended.
const noRun = "none"

// readJobQuery reads the parameters of contract 4.1 and 20.6.
func readJobQuery(q *query) jobs.JobQuery {
	start, limit := q.page(30)
	jq := jobs.JobQuery{
		Favorite: q.boolean("favorite"), Tags: tagIDs(q),
		Words: q.words(), Type: q.text("type"), OwnerID: jobs.ParsePrincipalID(q.text("ownerId")), Enabled: q.boolean("enabled"),
		Running: q.boolean("running"), Draft: q.boolean("draft"), Late: q.boolean("late"), Sort: q.sort(jobs.JobSortFields),
		Start: start, Limit: limit,
		LastStatuses: anyOf[jobs.RunStatus](q, "lastStatus", jobs.RunSuccess, jobs.RunWarning, jobs.RunError, jobs.RunCanceled, noRun),
	}
	for i, s := range jq.LastStatuses {
		if s == noRun {
			jq.LastStatuses[i] = ""
		}
	}
	return jq
}

// tagIDs reads the tags that must all be on a job. One that is no UUID is on none.
func tagIDs(q *query) []jobs.TagID {
	list := q.all("tag")
	ids := make([]jobs.TagID, 0, len(list))
	for _, id := range list {
		if !jobs.ValidUUID(id) {
			q.faults.Add("tag", "is %q; the UUID of a tag", clip(id))
		}
		ids = append(ids, jobs.TagID(id))
	}
	return ids
}

const jobListTemplate = "{?sort,limit,start,q,type,ownerId,enabled,running,favorite,tag,lastStatus,draft,late}"

// listJobs serves GET /jobs.
func (a *API) listJobs(w http.ResponseWriter, r *request) error {
	q, err := newQuery(r.Request)
	if err != nil {
		return err
	}
	jq := readJobQuery(q)
	if err := q.finish(); err != nil {
		return err
	}
	page, err := r.client.JobSummaries(r.Context(), jq)
	if err != nil {
		return err
	}
	names, err := ownerNames(r.Context(), r.client, page.Items, func(s *jobs.JobSummary) jobs.PrincipalID { return s.OwnerID })
	if err != nil {
		return err
	}
	items := make([]jobListItem, len(page.Items))
	now := time.Now()
	for i := range page.Items {
		items[i] = a.newJobListItem(r.client.Principal(), &page.Items[i], names[page.Items[i].OwnerID], now)
	}
	self := link{Href: a.path("jobs") + jobListTemplate, Templated: true}
	return write(w, r.Request, http.StatusOK, jobCollection{
		newCollection(r.Request, self, "inf:job", items, jq.Start, jq.Limit, page.Total), createPermission{r.client.MayCreateJobs()},
	})
}

// ownerNames gives the display names of the owners of a list, with one look at the directory.
func ownerNames[T any](ctx context.Context, c *jobs.Client, list []T, owner func(*T) jobs.PrincipalID) (map[jobs.PrincipalID]string, error) {
	seen := map[jobs.PrincipalID]bool{}
	var owners []jobs.PrincipalID
	for i := range list {
		if id := owner(&list[i]); !seen[id] {
			seen[id] = true
			owners = append(owners, id)
		}
	}
	slices.Sort(owners)
	return c.Names(ctx, owners)
}

type jobCollection struct {
	collection
	Permissions createPermission `json:"permissions"`
}

type createPermission struct {
	Create bool `json:"create"`
}

// flatJob is a job of the flat list (contract 4.2).
type flatJob struct {
	ID          jobs.ID         `json:"id"`
	Name        string          `json:"name"`
	Type        string          `json:"type"`
	Enabled     bool            `json:"enabled"`
	OwnerID     string          `json:"ownerId"`
	OwnerName   string          `json:"ownerName"`
	NaturalID   string          `json:"naturalId"`
	Tags        []string        `json:"tags"`
	Sharing     []flatShare     `json:"sharing"`
	Permissions permissionsView `json:"permissions"`
}

type flatShare struct {
	PrincipalID string     `json:"principalId"`
	AccessLevel jobs.Level `json:"accessLevel"`
}

func newFlatJob(p jobs.Principal, j *jobs.FlatJob, owner string) flatJob {
	view := flatJob{
		ID: j.ID, Name: j.Name, Type: j.Type, Enabled: j.Enabled, OwnerID: string(j.OwnerID), OwnerName: owner,
		NaturalID: string(p.Tenant) + ":" + j.Slug, Tags: texts(j.Tags), Sharing: []flatShare{}, Permissions: newPermissionsView(p.PermissionsOnFlat(j)),
	}
	for _, s := range j.Shares {
		view.Sharing = append(view.Sharing, flatShare{string(s.PrincipalID), s.Level})
	}
	return view
}

// flatJobs serves GET /jobs-list. The list is read as a whole and written in parts, so that ten thousand jobs are not in memory twice.
func (a *API) flatJobs(w http.ResponseWriter, r *request) error {
	if err := noQuery(r.Request); err != nil {
		return err
	}
	list, err := r.client.FlatJobs(r.Context())
	if err != nil {
		return err
	}
	names, err := ownerNames(r.Context(), r.client, list, func(j *jobs.FlatJob) jobs.PrincipalID { return j.OwnerID })
	if err != nil {
		return err
	}
	p := r.client.Principal()
	return writeArray(w, r.Request, len(list), func(i int) any { return newFlatJob(p, &list[i], names[list[i].OwnerID]) })
}

// arrayPart is about how many bytes of an array are written at once.
const arrayPart = 64 << 10

// writeArray is writePlain for a long array: each item is made when it is written.
func writeArray(w http.ResponseWriter, r *http.Request, n int, item func(i int) any) error {
	w.Header().Set("Content-Type", plainJSON)
	w.WriteHeader(http.StatusOK)
	if r.Method == http.MethodHead {
		return nil
	}
	var buf bytes.Buffer
	e := json.NewEncoder(&buf)
	e.SetEscapeHTML(false)
	buf.WriteByte('[')
	for i := range n {
		if i > 0 {
			buf.WriteByte(',')
		}
		if err := e.Encode(item(i)); err != nil {
			return fmt.Errorf("encode answer: %w", err)
		}
		if buf.Len() < arrayPart {
			continue
		}
		if _, err := w.Write(buf.Bytes()); err != nil {
			return nil //nolint:nilerr // the client is gone: nobody is left to be told
		}
		buf.Reset()
	}
	buf.WriteString("]\n")
	_, _ = w.Write(buf.Bytes()) // as above
	return nil
}

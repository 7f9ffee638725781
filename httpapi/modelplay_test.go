package httpapi_test

import (
	"encoding/json"
	"flag"
	"fmt"
	"math/rand/v2"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/carillon-go/carillon/jobs"
)

var (
	modelCommands = flag.Int("commands", 1000, "how many commands TestModel plays")
	modelSeed     = flag.Uint64("seed", 1, "seed of TestModel")
)

// play is one game of random requests against the API and the model.
type play struct {
	t     testing.TB
	w     *world
	m     *model
	dice  *rand.Rand
	trace []string
	// uploads counts them: each makes contents of its own, even if they are the same.
	uploads int
}

// TestModel plays random commands of five principals, on a real store with a real engine in virtual time, and compares every answer with what a plain
// model of the contract says. The same seed gives the same commands: go test ./httpapi -run TestModel -seed 7 -commands 10000.
func TestModel(t *testing.T) {
	oneByOne(t)
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		w := newWorldAt(t, dir)
		// Fewer heartbeats: hours of virtual time go by.
		limits := jobs.DefaultLimits()
		limits.Heartbeat, limits.Timeout = 5*time.Minute, time.Hour
		if err := w.store.SetLimits(t.Context(), "globex", limits, true); err != nil {
			t.Fatal(err)
		}
		w.startEngine()
		p := &play{t: t, w: w, m: &model{now: time.Now(), tags: map[string]modelTag{}}, dice: rand.New(rand.NewPCG(*modelSeed, 0))}
		for range *modelCommands {
			p.pass(time.Second)
			p.command()
			p.m.remember()
			if t.Failed() {
				t.Fatalf("seed %d, command %d; the story is\n%s", *modelSeed, len(p.trace), p.story())
			}
		}
		w.check()
	})
}

// story is what led to the last command: what was asked of the job that it names, and the last commands of all.
func (p *play) story() string {
	last := p.trace[len(p.trace)-1]
	id, _, _ := strings.Cut(strings.TrimPrefix(strings.Fields(last)[2], "/jobs/"), "/")
	id, _, _ = strings.Cut(id, "?")
	var lines []string
	for i, line := range p.trace {
		if len(p.trace)-i <= 5 || strings.Contains(line, id) && !strings.HasSuffix(line, ": 404") && !strings.HasSuffix(line, ": 403") {
			lines = append(lines, line)
		}
	}
	return strings.Join(lines[max(0, len(lines)-40):], "\n")
}

// commands are what can happen, each with its weight.
var commands = []struct {
	weight int
	do     func(*play)
}{
	{10, (*play).createJob},
	{12, (*play).getJob},
	{12, (*play).updateJob},
	{3, (*play).deleteJob},
	{8, (*play).listJobs},
	{8, (*play).edit},
	{5, (*play).commit},
	{3, (*play).discard},
	{4, (*play).getDraft},
	{3, (*play).drafts},
	{3, (*play).copyJob},
	{4, (*play).favorite},
	{2, (*play).listFavorites},
	{2, (*play).createTag},
	{1, (*play).deleteTag},
	{6, (*play).tagJob},
	{3, (*play).untagJob},
	{3, (*play).handOver},
	{10, (*play).putShare},
	{4, (*play).deleteShare},
	{3, (*play).listShares},
	{8, (*play).addAction},
	{4, (*play).deleteAction},
	{12, (*play).run},
	{6, (*play).history},
	{3, (*play).wait},
	{8, (*play).retry},
	{8, (*play).backfill},
	{6, (*play).addDataset},
	{3, (*play).deleteDataset},
	{3, (*play).listDatasets},
	{3, (*play).listSnapshots},
	{5, (*play).addAttachment},
	{2, (*play).deleteAttachment},
	{7, (*play).upload},
	{4, (*play).download},
	{3, (*play).revisions},
	{4, (*play).revision},
	{5, (*play).restore},
	{5, (*play).planCommit},
}

func (p *play) command() {
	total := 0
	for _, c := range commands {
		total += c.weight
	}
	n := p.dice.IntN(total)
	for _, c := range commands {
		if n -= c.weight; n < 0 {
			c.do(p)
			return
		}
	}
}

// pass lets virtual time go on. Runs that fire meanwhile have ended when it returns.
func (p *play) pass(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
	for j, fires := range p.m.pass(d) {
		for _, at := range fires {
			j.perform(modelRun{trigger: "schedule", fireAt: at}, j, nil)
		}
	}
}

// ask sends a request and wants a status; it gives the body of the answer.
func (p *play) ask(c modelCaller, want int, method, path string, body any) map[string]any {
	p.t.Helper()
	var text string
	if body != nil {
		encoded, err := json.Marshal(body)
		if err != nil {
			p.t.Fatal(err)
		}
		text = string(encoded)
	}
	r := httptest.NewRequestWithContext(p.t.Context(), method, "/api"+path, strings.NewReader(text))
	if body != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	r.Header.Set(callerHeader, c.name)
	w := httptest.NewRecorder()
	p.w.api.ServeHTTP(w, r)
	p.note(c, method, path, text, w.Code)
	if w.Code != want {
		p.t.Errorf("%s %s as %s %s: status %d, want %d: %s", method, path, c.name, text, w.Code, want, w.Body)
		return nil
	}
	answer := map[string]any{}
	if w.Body.Len() > 0 && w.Body.Bytes()[0] == '{' {
		if err := json.Unmarshal(w.Body.Bytes(), &answer); err != nil {
			p.t.Errorf("%s %s: %v: %s", method, path, err, w.Body)
		}
	}
	return answer
}

func (p *play) note(c modelCaller, method, path, body string, status int) {
	p.trace = append(p.trace, fmt.Sprintf("%s %s %s as %s %.200s: %d", p.m.now.Format(time.TimeOnly), method, path, c.name, body, status))
}

// same compares what the model knows of an answer with it. Members that the model does not know are not looked at.
func (p *play) same(what string, want, got any) {
	p.t.Helper()
	encoded, err := json.Marshal(want)
	if err != nil {
		p.t.Fatal(err)
	}
	var plain any
	if err := json.Unmarshal(encoded, &plain); err != nil {
		p.t.Fatal(err)
	}
	if d := cmp.Diff(plain, narrow(plain, got)); d != "" {
		p.t.Errorf("%s (-model +answer):\n%s", what, d)
	}
}

// narrow leaves of an answer what the model has a word for.
func narrow(want, got any) any {
	switch want := want.(type) {
	case map[string]any:
		had, ok := got.(map[string]any)
		if !ok {
			return got
		}
		out := map[string]any{}
		for name, value := range want {
			if v, ok := had[name]; ok {
				out[name] = narrow(value, v)
			}
		}
		return out
	case []any:
		had, ok := got.([]any)
		if !ok || len(had) != len(want) {
			return got
		}
		out := make([]any, len(had))
		for i := range had {
			out[i] = narrow(want[i], had[i])
		}
		return out
	}
	return got
}

func one[T any](p *play, from []T) T { return from[p.dice.IntN(len(from))] }

// chance is true n times out of a hundred.
func (p *play) chance(n int) bool { return p.dice.IntN(100) < n }

func (p *play) caller() modelCaller { return one(p, modelCallers) }

// job is any job, of any tenant, drafts too; rarely one that does not exist.
func (p *play) job() *modelJob {
	if len(p.m.jobs) == 0 || p.chance(2) {
		return nil
	}
	return one(p, p.m.jobs)
}

// target is a caller, a path of a job, and the job that the path names for that caller: by its id, or by one of its natural ids, under which
// another tenant may have another one.
func (p *play) target() (modelCaller, string, *modelJob) {
	c, j := p.caller(), p.job()
	for range 4 { // mostly one that the caller can see: the other answers are all the same
		if c.level(j) == 0 && p.chance(80) {
			j = p.job()
		}
	}
	switch {
	case j == nil:
		return c, "/jobs/" + unknownID, nil
	case j.slug == "" || !p.chance(30):
		return c, "/jobs/" + j.id, j
	}
	prefix := one(p, []string{j.tenant, strings.TrimPrefix(j.owner, "team:"), j.owner})
	path := "/jobs/" + prefix + ":" + j.slug
	for _, other := range p.m.jobs {
		if other.tenant == c.tenant && other.slug == j.slug {
			if prefix == other.tenant || prefix == other.owner || "team:"+prefix == other.owner {
				return c, path, other
			}
		}
	}
	return c, path, nil
}

func idsOf(answer map[string]any, rel string) []string {
	embedded, _ := answer["_embedded"].(map[string]any)
	items, _ := embedded[rel].([]any)
	ids := make([]string, len(items))
	for i, item := range items {
		fields, _ := item.(map[string]any)
		ids[i], _ = fields["id"].(string)
	}
	return ids
}

func page[T any](list []T, start, limit int) []T {
	start = min(start, len(list))
	return list[start:min(start+limit, len(list))]
}

var modelNames = []string{"Stock", "orders", "Zug um Zug", "Nightly count", "stock report", "X"}

func contains(text, word string) bool {
	return strings.Contains(strings.ToLower(text), strings.ToLower(word))
}

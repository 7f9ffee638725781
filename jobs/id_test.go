package jobs_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/carillon-go/carillon/jobs"
)

func TestParseJobRef(t *testing.T) {
	t.Parallel()
	const id = "0b0e5a52-4c4c-4f0e-9b51-6a3f1f7f2d10"
	cases := map[string]jobs.JobRef{
		id:                                 {ID: id},
		"globex:nightly-count":             {Prefix: "globex", Slug: "nightly-count"},
		"team:stock:count-2":               {Prefix: "team:stock", Slug: "count-2"},
		"user:mara.lind:count":             {Prefix: "user:mara.lind", Slug: "count"},
		"globex:" + id:                     {Prefix: "globex", Slug: id}, // a slug may look like a UUID
		"a b:c":                            {Prefix: "a b", Slug: "c"},
		"":                                 {},
		"count":                            {},
		":count":                           {},
		"globex:":                          {},
		"globex:Count":                     {},
		"globex:count-":                    {},
		"globex:a--b":                      {},
		"globex:count/history":             {},
		strings.ToUpper(id):                {}, // the canonical form only
		id[:35]:                            {},
		id + "0":                           {},
		"{" + id + "}":                     {},
		"urn:uuid:" + id + " ":             {},
		"0b0e5a524c4c4f0e9b516a3f1f7f2d10": {},
		"globex:" + strings.Repeat("a", jobs.MaxSlug+1): {},
	}
	for text, want := range cases {
		got, ok := jobs.ParseJobRef(text)
		if got != want || ok != (want != jobs.JobRef{}) {
			t.Errorf("ParseJobRef(%q) is %+v, %v; want %+v", text, got, ok, want)
		}
	}
}

func FuzzParseJobRef(f *testing.F) {
	for _, seed := range []string{"0b0e5a52-4c4c-4f0e-9b51-6a3f1f7f2d10", "globex:count", "team:stock:count", ":", "a:b:", "ü:x"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		r, ok := jobs.ParseJobRef(text)
		switch {
		case !ok:
			if (r != jobs.JobRef{}) {
				t.Errorf("refused, and yet %+v", r)
			}
		case r.ID != "":
			if string(r.ID) != text || !jobs.ValidUUID(text) || r.Prefix+r.Slug != "" {
				t.Errorf("%q is read as %+v", text, r)
			}
		case r.Prefix+":"+r.Slug != text || r.Prefix == "" || !jobs.ValidSlug(r.Slug):
			t.Errorf("%q is read as %+v", text, r)
		}
	})
}

func TestNewID(t *testing.T) {
	t.Parallel()
	last := ""
	for range 1000 {
		id := string(jobs.NewID())
		if !jobs.ValidUUID(id) || id[14] != '7' {
			t.Fatalf("%q is no UUID of version 7", id)
		}
		if id <= last {
			t.Fatalf("%q comes after %q", id, last)
		}
		last = id
	}
}

func TestPrincipalID(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]struct {
		id, bare jobs.PrincipalID
		team     bool
	}{
		"user:mara.lind":  {"mara.lind", "mara.lind", false},
		"mara.lind":       {"mara.lind", "mara.lind", false},
		"team:logistics":  {"team:logistics", "logistics", true},
		"user:team:stock": {"team:stock", "stock", true},
	} {
		id := jobs.ParsePrincipalID(text)
		if id != want.id || id.Bare() != string(want.bare) || id.IsTeam() != want.team {
			t.Errorf("%q is read as %q, bare %q, team %v", text, id, id.Bare(), id.IsTeam())
		}
	}
}

func TestJob_NaturalID(t *testing.T) {
	t.Parallel()
	if got := (&jobs.Job{ID: "x", Tenant: "globex", Slug: "count"}).NaturalID(); got != "globex:count" {
		t.Errorf("natural id is %q", got)
	}
	if got := (&jobs.Job{ID: "x", Tenant: "globex", EditingID: "y"}).NaturalID(); got != "x" {
		t.Errorf("natural id of a draft is %q", got)
	}
}

// TestClient_Job_by_natural_id: the prefix is the tenant or the owner, in every way that contract 1.4 writes it.
func TestClient_Job_by_natural_id(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	admin := jobs.Membership{Team: "team:stock", Role: jobs.RoleAdmin}
	mara := h.as("mara", admin)
	h.job(mara, func(s *jobs.JobSpec) { s.Slug = "own" })
	h.job(mara, func(s *jobs.JobSpec) { s.Slug, s.OwnerID = "shared", "team:stock" })
	for text, want := range map[string]bool{
		"globex:own": true, "mara:own": true, "user:mara:own": true, "globex:shared": true, "team:stock:shared": true, "stock:shared": true,
		"mara:shared": false, "stock:own": false, "team:mara:own": false, "user:stock:shared": false, "initech:own": false, "globex:none": false,
		"user:globex:own": false,
	} {
		r, ok := jobs.ParseJobRef(text)
		if !ok {
			t.Fatalf("%q is no reference", text)
		}
		j, err := mara.Job(t.Context(), r)
		if want && (err != nil || j.Slug != r.Slug) || !want && !errors.Is(err, jobs.ErrNotFound) {
			t.Errorf("%s: %v", text, err)
		}
	}
	if _, err := mara.Job(t.Context(), jobs.JobRef{}); !errors.Is(err, jobs.ErrNotFound) {
		t.Errorf("the zero reference: %v", err)
	}
}

package storagetest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/carillon-go/carillon/jobs"
)

func jobListRules() []rule {
	return []rule{
		{"a list has the jobs of its tenant, by name, without drafts", listByName},
		{"an empty list is no error", listEmpty},
		{"each job of a list is as Job reads it", listAsJob},
		{"a page is a part of the list, with the number of all", listPages},
		{"every word must be in name or description, without regard to case", listWords},
		{"signs that are special in patterns stand for themselves", listPatternSigns},
		{"a list is filtered by type, owner and enabled", listFilters},
		{"a list is filtered by jobs that are running", listRunning},
		{"a list is limited to the jobs that principals own", listReadable},
		{"jobs are sorted by text without regard to case", listSortText},
		{"missing values are last in ascending order and first in descending order", listSortMissing},
		{"jobs are sorted by several keys, one after another", listSortKeys},
		{"jobs are sorted by every sort field in both directions", listSortFields},
		{"an unknown sort field is an error", listSortUnknown},
	}
}

func slugs(ctx context.Context, s jobs.Store, q jobs.JobQuery) []string {
	q.Tenant = tenant
	page := must(s.Jobs(ctx, q))
	list := make([]string, len(page.Items))
	for i, j := range page.Items {
		list[i] = j.Slug
	}
	if q.Limit == 0 && q.Start == 0 && page.Total != len(list) {
		done(fmt.Errorf("a whole list has %d jobs and the total %d", len(list), page.Total))
	}
	return list
}

func listByName(ctx context.Context, s jobs.Store) error {
	j := givenJob(ctx, s, "b", named("Beta"))
	givenJob(ctx, s, "a", named("Alpha"))
	givenJob(ctx, s, "c", named("Gamma"), of(foreign))
	givenJob(ctx, s, "", named("Draft"), draftOf(j))
	return same("slugs", slugs(ctx, s, jobs.JobQuery{}), []string{"a", "b"})
}

func listEmpty(ctx context.Context, s jobs.Store) error {
	page, err := s.Jobs(ctx, jobs.JobQuery{Tenant: tenant, Words: []string{"x"}, Limit: 10})
	return errors.Join(err, same("the page", page, jobs.Page[*jobs.Job]{}))
}

func listAsJob(ctx context.Context, s jobs.Store) error {
	j := fullJob()
	done(s.InsertJob(ctx, t0, j))
	h := givenWorker(ctx, s, "node-a")
	givenEnded(ctx, s, h, j, at(1), jobs.RunWarning)
	givenRun(ctx, s, j, at(2))
	h.take(ctx, s, at(3))
	page := must(s.Jobs(ctx, jobs.JobQuery{Tenant: tenant}))
	want := readJob(ctx, s, j)
	return errors.Join(same("the list", page, jobs.Page[*jobs.Job]{Items: []*jobs.Job{want}, Total: 1}),
		holds(want.LastRun != nil && !want.LockedAt.IsZero(), "Job reads LastRun %v and LockedAt %s", want.LastRun, want.LockedAt))
}

func listPages(ctx context.Context, s jobs.Store) error {
	var want []string
	for i := range 7 {
		want = append(want, givenJob(ctx, s, fmt.Sprintf("job-%d", i), named("the same name")).Slug)
	}
	for _, descending := range []bool{false, true} {
		sort := []jobs.SortKey{{Field: "name", Descending: descending}}
		whole := slugs(ctx, s, jobs.JobQuery{Sort: sort})
		var parts []string
		for start := 0; start < 9; start += 3 {
			page := must(s.Jobs(ctx, jobs.JobQuery{Tenant: tenant, Sort: sort, Start: start, Limit: 3}))
			for _, j := range page.Items {
				parts = append(parts, j.Slug)
			}
			if err := same("Total", page.Total, 7); err != nil {
				return err
			}
		}
		sorted := slices.Sorted(slices.Values(whole))
		if err := errors.Join(same("the pages together", parts, whole), same("the whole list", sorted, want)); err != nil {
			return err
		}
	}
	beyond := must(s.Jobs(ctx, jobs.JobQuery{Tenant: tenant, Start: 100, Limit: 3}))
	rest := slugs(ctx, s, jobs.JobQuery{Start: 5})
	return errors.Join(same("a page beyond the end", beyond, jobs.Page[*jobs.Job]{Total: 7}),
		same("the rest without a limit", rest, want[5:]))
}

func listWords(ctx context.Context, s jobs.Store) error {
	givenJob(ctx, s, "a", named("Übersicht LAGER"), func(j *jobs.Job) { j.Description = "für Ærø und Łódź" })
	givenJob(ctx, s, "b", named("Lager"), func(j *jobs.Job) { j.Description = "ΑΘΗΝΑ" })
	givenJob(ctx, s, "c", named("другое"))
	for _, c := range []struct {
		words []string
		want  []string
	}{
		{[]string{"lager"}, []string{"a", "b"}},
		{[]string{"ÜBER"}, []string{"a"}},
		{[]string{"übersicht", "æRØ"}, []string{"a"}},
		{[]string{"lager", "łÓDŹ"}, []string{"a"}},
		{[]string{"αθηνα"}, []string{"b"}},
		{[]string{"ДРУГ"}, []string{"c"}},
		{[]string{"lager", "другое"}, nil},
		{[]string{"lager für"}, nil}, // the end of the name and the beginning of the description
	} {
		got := slugs(ctx, s, jobs.JobQuery{Words: c.words})
		slices.Sort(got)
		if err := same(fmt.Sprintf("jobs with words %q", c.words), got, c.want); err != nil {
			return err
		}
	}
	return nil
}

func listPatternSigns(ctx context.Context, s jobs.Store) error {
	signs := []string{"100%", "a_b", `c:\d`, `it's`, `say "hi"`, "x*y", "q?", "[z]", "e%%", "--", ";", "\u0001", "Ω"}
	for i, sign := range signs {
		givenJob(ctx, s, fmt.Sprintf("job-%02d", i), named("name "+sign))
	}
	givenJob(ctx, s, "plain", named("name 100 axb c:d its say hi xzy q z"))
	for i, sign := range signs {
		got := slugs(ctx, s, jobs.JobQuery{Words: []string{sign}})
		if err := same(fmt.Sprintf("jobs with word %q", sign), got, []string{fmt.Sprintf("job-%02d", i)}); err != nil {
			return err
		}
	}
	wild := slugs(ctx, s, jobs.JobQuery{Words: []string{"n_me"}})
	more := slugs(ctx, s, jobs.JobQuery{Words: []string{"n%e"}})
	return errors.Join(same("jobs with the word n_me", wild, []string{}), same("jobs with the word n%e", more, []string{}))
}

func listFilters(ctx context.Context, s jobs.Store) error {
	givenJob(ctx, s, "a", typed("email"))
	givenJob(ctx, s, "b", ownedBy("team:sales"))
	givenJob(ctx, s, "c", typed("email"), ownedBy("team:sales"), func(j *jobs.Job) { j.Enabled = false })
	yes, no := true, false
	return errors.Join(
		same("by type", slugs(ctx, s, jobs.JobQuery{Type: "email"}), []string{"a", "c"}),
		same("by owner", slugs(ctx, s, jobs.JobQuery{OwnerID: "team:sales"}), []string{"b", "c"}),
		same("enabled", slugs(ctx, s, jobs.JobQuery{Enabled: &yes}), []string{"a", "b"}),
		same("not enabled", slugs(ctx, s, jobs.JobQuery{Enabled: &no}), []string{"c"}),
		same("by all", slugs(ctx, s, jobs.JobQuery{Type: "email", OwnerID: owner, Enabled: &yes}), []string{"a"}),
		same("by type in another case", slugs(ctx, s, jobs.JobQuery{Type: "EMAIL"}), []string{}),
	)
}

func listRunning(ctx context.Context, s jobs.Store) error {
	a, b := givenJob(ctx, s, "a"), givenJob(ctx, s, "b")
	givenJob(ctx, s, "c")
	h := givenWorker(ctx, s, "node-a")
	givenRun(ctx, s, a, t0)
	h.take(ctx, s, t0)
	givenRun(ctx, s, b, t0)
	yes, no := true, false
	return errors.Join(same("running", slugs(ctx, s, jobs.JobQuery{Running: &yes}), []string{"a"}),
		same("not running", slugs(ctx, s, jobs.JobQuery{Running: &no}), []string{"b", "c"}))
}

func listReadable(ctx context.Context, s jobs.Store) error {
	givenJob(ctx, s, "a", ownedBy("mara.lind"))
	givenJob(ctx, s, "b", ownedBy("team:sales"))
	givenJob(ctx, s, "c", ownedBy("ole.berg"))
	givenJob(ctx, s, "d", ownedBy("Mara.Lind"))
	return errors.Join(
		same("of two", slugs(ctx, s, jobs.JobQuery{ReadableBy: []jobs.PrincipalID{"mara.lind", "team:sales"}}), []string{"a", "b"}),
		same("of a stranger", slugs(ctx, s, jobs.JobQuery{ReadableBy: []jobs.PrincipalID{"x' OR '1'='1"}}), []string{}),
		same("of nobody", slugs(ctx, s, jobs.JobQuery{ReadableBy: []jobs.PrincipalID{}}), []string{}),
		same("of all", slugs(ctx, s, jobs.JobQuery{}), []string{"a", "b", "c", "d"}),
	)
}

func listSortText(ctx context.Context, s jobs.Store) error {
	for i, name := range []string{"beta", "Alpha", "GAMMA", "alpha 2", "_under", "Beta 2", "1st"} {
		givenJob(ctx, s, fmt.Sprintf("j%d", i), named(name))
	}
	names := func(descending bool) (list []string) {
		page := must(s.Jobs(ctx, jobs.JobQuery{Tenant: tenant, Sort: []jobs.SortKey{{Field: "name", Descending: descending}}}))
		for _, j := range page.Items {
			if j.Name != "_under" && j.Name != "1st" { // where signs and digits stand is the database's affair
				list = append(list, j.Name)
			}
		}
		return list
	}
	want := []string{"Alpha", "alpha 2", "beta", "Beta 2", "GAMMA"}
	up, down := names(false), names(true)
	slices.Reverse(down)
	return errors.Join(same("ascending", up, want), same("descending, turned round", down, want))
}

func listSortMissing(ctx context.Context, s jobs.Store) error {
	givenJob(ctx, s, "never")
	givenJob(ctx, s, "late", minutely, func(j *jobs.Job) { j.NextRunAt = at(9) })
	givenJob(ctx, s, "soon", minutely)
	return errors.Join(
		same("ascending", slugs(ctx, s, jobs.JobQuery{Sort: []jobs.SortKey{{Field: "nextRunAt"}}}), []string{"soon", "late", "never"}),
		same("descending", slugs(ctx, s, jobs.JobQuery{Sort: []jobs.SortKey{{Field: "nextRunAt", Descending: true}}}), []string{"never", "late", "soon"}),
	)
}

func listSortKeys(ctx context.Context, s jobs.Store) error {
	givenJob(ctx, s, "a", typed("x"), named("1"))
	givenJob(ctx, s, "b", typed("y"), named("2"))
	givenJob(ctx, s, "c", typed("x"), named("3"))
	givenJob(ctx, s, "d", typed("y"), named("4"))
	sort := []jobs.SortKey{{Field: "type", Descending: true}, {Field: "name"}}
	return same("by type descending, then name", slugs(ctx, s, jobs.JobQuery{Sort: sort}), []string{"b", "d", "a", "c"})
}

func listSortFields(ctx context.Context, s jobs.Store) error {
	first := givenJob(ctx, s, "aa", typed("aa"), named("aa"), ownedBy("aa"), minutely, func(j *jobs.Job) { j.Enabled = false })
	second := newJob("bb", typed("bb"), named("bb"), ownedBy("bb"), minutely)
	second.CreatedAt, second.UpdatedAt, second.DefnUpdatedAt, second.NextRunAt = at(1), at(1), at(1), at(5)
	done(s.InsertJob(ctx, at(1), second))
	h := givenWorker(ctx, s, "node-a")
	for i, j := range []*jobs.Job{first, second} {
		givenEnded(ctx, s, h, j, at(i+1), jobs.RunSuccess)
		givenRun(ctx, s, j, at(i+3))
		h.take(ctx, s, at(i+3))
	}
	var errs []error
	for _, field := range jobs.JobSortFields {
		up := slugs(ctx, s, jobs.JobQuery{Sort: []jobs.SortKey{{Field: field}}})
		down := slugs(ctx, s, jobs.JobQuery{Sort: []jobs.SortKey{{Field: field, Descending: true}}})
		errs = append(errs, same("by "+field, strings.Join(up, " "), "aa bb"), same("by "+field+" descending", strings.Join(down, " "), "bb aa"))
	}
	return errors.Join(errs...)
}

func listSortUnknown(ctx context.Context, s jobs.Store) error {
	givenJob(ctx, s, "a")
	_, err := s.Jobs(ctx, jobs.JobQuery{Tenant: tenant, Sort: []jobs.SortKey{{Field: "name; DROP TABLE jobs"}}})
	return errors.Join(holds(err != nil, "a sort by no field of JobSortFields is accepted"),
		same("jobs afterwards", slugs(ctx, s, jobs.JobQuery{}), []string{"a"}))
}

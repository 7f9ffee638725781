package storagetest

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/carillon-go/carillon/jobs"
)

func tagRules() []rule {
	return []rule{
		{"a tag is read back as it was written", tagRoundTrip},
		{"a tag of another tenant, or an unknown one, does not exist", tagForeign},
		{"two tags of a tenant do not differ by case only", tagNameTaken},
		{"tags are listed by name, those that hold a text without regard to case", tagList},
		{"a saved tag has the new name and color, if nobody else was faster", tagSave},
		{"a tenant has as many tags as are allowed, and no more", tagLimit},
		{"a job has its tags in the order in which it got them", tagOfJob},
		{"a tag that a job has already changes nothing", tagPutAgain},
		{"a tag of a job moves UpdatedAt and no revision", tagTouches},
		{"a tag of an unknown job, a foreign tag and a draft are refused", tagOfJobRefused},
		{"a job has as many tags as are allowed, and no more", tagOfJobLimit},
		{"a tag is taken off one job", tagOfJobDelete},
		{"a deleted tag is taken off all jobs", tagDelete},
		{"a deleted job takes its tags along, and leaves the tags of the tenant", tagJobDeleted},
		{"a new job comes with its tags, a draft has none", tagInsert},
		{"a list is filtered by all of several tags", tagFilter},
		{"of many that make one tag at once exactly one succeeds", tagRace},
		{"a tag that is given and removed at once leaves nothing behind", tagRaceDelete},
	}
}

// givenTag stores a tag of the tenant at t0.
func givenTag(ctx context.Context, s jobs.Store, name string) jobs.Tag {
	k := jobs.Tag{ID: jobs.NewTagID(), Tenant: tenant, Name: name, Color: "#2E7D32", CreatedAt: t0, UpdatedAt: t0}
	done(s.InsertTag(ctx, k))
	return k
}

func tagNames(tags []jobs.Tag) []string {
	var names []string
	for _, k := range tags {
		names = append(names, k.Name)
	}
	return names
}

func tagsOf(ctx context.Context, s jobs.Store, j *jobs.Job) []jobs.TagID {
	return readJob(ctx, s, j).TagIDs()
}

func tagRoundTrip(ctx context.Context, s jobs.Store) error {
	k := givenTag(ctx, s, "Täglich")
	plain := jobs.Tag{ID: jobs.NewTagID(), Tenant: tenant, Name: "plain", CreatedAt: at(1), UpdatedAt: at(2)}
	done(s.InsertTag(ctx, plain))
	got := must(s.Tag(ctx, tenant, k.ID))
	return errors.Join(same("the tag", got, k), same("a tag without a color", must(s.Tag(ctx, tenant, plain.ID)), plain),
		instant("CreatedAt", got.CreatedAt, t0))
}

func tagForeign(ctx context.Context, s jobs.Store) error {
	k := givenTag(ctx, s, "nightly")
	_, read := s.Tag(ctx, foreign, k.ID)
	_, unknown := s.Tag(ctx, tenant, jobs.NewTagID())
	stolen := k
	stolen.Tenant, stolen.Name = foreign, "stolen"
	save := s.SaveTag(ctx, stolen, t0)
	remove := s.DeleteTag(ctx, at(1), foreign, k.ID)
	gone := s.DeleteTag(ctx, at(1), tenant, jobs.NewTagID())
	return errors.Join(refused("Tag of another tenant", read, jobs.ErrNotFound), refused("an unknown tag", unknown, jobs.ErrNotFound),
		refused("SaveTag by another tenant", save, jobs.ErrNotFound), refused("DeleteTag by another tenant", remove, jobs.ErrNotFound),
		refused("DeleteTag of an unknown one", gone, jobs.ErrNotFound), same("tags of the other tenant", len(must(s.Tags(ctx, foreign, ""))), 0),
		same("the tag", must(s.Tag(ctx, tenant, k.ID)), k))
}

func tagNameTaken(ctx context.Context, s jobs.Store) error {
	k, other := givenTag(ctx, s, "Übersicht"), givenTag(ctx, s, "nightly")
	twin := jobs.Tag{ID: jobs.NewTagID(), Tenant: tenant, Name: "ÜBERSICHT", CreatedAt: t0, UpdatedAt: t0}
	insert := s.InsertTag(ctx, twin)
	renamed := other
	renamed.Name = "übersicht"
	save := s.SaveTag(ctx, renamed, t0)
	twin.Tenant = foreign
	elsewhere := s.InsertTag(ctx, twin)
	k.Name = "ÜbersichT" // its own name in other capitals
	own := s.SaveTag(ctx, k, t0)
	return errors.Join(conflict("InsertTag", insert, "tagId", string(k.ID)), conflict("SaveTag", save, "tagId", string(k.ID)), elsewhere, own,
		same("names", tagNames(must(s.Tags(ctx, tenant, ""))), []string{"nightly", "ÜbersichT"}))
}

func tagList(ctx context.Context, s jobs.Store) error {
	for _, name := range []string{"nightly", "Daily", "50%_off", "ÖFFENTLICH"} {
		givenTag(ctx, s, name)
	}
	var faults []error
	for text, want := range map[string][]string{
		"": {"50%_off", "Daily", "nightly", "ÖFFENTLICH"}, "LY": {"Daily", "nightly"}, "öff": {"ÖFFENTLICH"}, "%": {"50%_off"}, "x": nil,
		"_": {"50%_off"}, `\`: nil,
	} {
		faults = append(faults, same(fmt.Sprintf("tags with %q", text), tagNames(must(s.Tags(ctx, tenant, text))), want))
	}
	return errors.Join(faults...)
}

func tagSave(ctx context.Context, s jobs.Store) error {
	k := givenTag(ctx, s, "nightly")
	k.Name, k.Color, k.UpdatedAt = "by night", "", at(1)
	done(s.SaveTag(ctx, k, t0))
	late := k
	late.Name, late.UpdatedAt = "late", at(2)
	return errors.Join(refused("a save of an older tag", s.SaveTag(ctx, late, t0), jobs.ErrPrecondition),
		same("the tag", must(s.Tag(ctx, tenant, k.ID)), k))
}

func tagLimit(ctx context.Context, s jobs.Store) error {
	for i := range jobs.MaxTagsPerTenant {
		givenTag(ctx, s, fmt.Sprintf("tag-%04d", i))
	}
	err := s.InsertTag(ctx, jobs.Tag{ID: jobs.NewTagID(), Tenant: tenant, Name: "one more", CreatedAt: t0, UpdatedAt: t0})
	other := s.InsertTag(ctx, jobs.Tag{ID: jobs.NewTagID(), Tenant: foreign, Name: "tag-0000", CreatedAt: t0, UpdatedAt: t0})
	return errors.Join(conflict("one tag more", err, "", ""), other, same("tags", len(must(s.Tags(ctx, tenant, ""))), jobs.MaxTagsPerTenant))
}

func tagOfJob(ctx context.Context, s jobs.Store) error {
	j, other := givenJob(ctx, s, "stock"), givenJob(ctx, s, "sales")
	b, a := givenTag(ctx, s, "b"), givenTag(ctx, s, "a")
	done(s.PutJobTag(ctx, at(1), tenant, j.ID, b.ID))
	done(s.PutJobTag(ctx, at(1), tenant, other.ID, a.ID))
	done(s.PutJobTag(ctx, at(2), tenant, j.ID, a.ID))
	got := readJob(ctx, s, j)
	if err := same("tags", got.TagIDs(), []jobs.TagID{b.ID, a.ID}); err != nil {
		return err
	}
	first := got.Tags[0]
	summaries, flat := must(s.JobSummaries(ctx, jobs.JobQuery{Tenant: tenant})), must(s.FlatJobs(ctx, jobs.JobQuery{Tenant: tenant}))
	return errors.Join(same("tags of the summary", summaries.Items[1].Tags, got.TagIDs()), same("tags of the flat list", flat[1].Tags, got.TagIDs()),
		same("the tag of the association", first.Tag, b), same("its job", first.JobID, j.ID),
		holds(first.ID != "" && first.ID != got.Tags[1].ID, "ids of associations are %q and %q", first.ID, got.Tags[1].ID),
		same("tags of the other job", tagsOf(ctx, s, other), []jobs.TagID{a.ID}))
}

func tagPutAgain(ctx context.Context, s jobs.Store) error {
	j, k := givenJob(ctx, s, "stock"), givenTag(ctx, s, "nightly")
	done(s.PutJobTag(ctx, at(1), tenant, j.ID, k.ID))
	before := readJob(ctx, s, j)
	done(s.PutJobTag(ctx, at(2), tenant, j.ID, k.ID))
	return same("the job", readJob(ctx, s, j), before)
}

func tagTouches(ctx context.Context, s jobs.Store) error {
	j, k := givenJob(ctx, s, "stock"), givenTag(ctx, s, "nightly")
	var faults []error
	last := j.UpdatedAt
	for _, step := range []struct {
		what string
		do   func() error
	}{
		{"a tag", func() error { return s.PutJobTag(ctx, at(5), tenant, j.ID, k.ID) }},
		{"a tag that was taken off", func() error { return s.DeleteJobTag(ctx, at(4), tenant, j.ID, k.ID) }},
		{"the tag again", func() error { return s.PutJobTag(ctx, at(4), tenant, j.ID, k.ID) }},
		{"a tag that was removed", func() error { return s.DeleteTag(ctx, at(4), tenant, k.ID) }},
	} {
		done(step.do())
		got := readJob(ctx, s, j)
		faults = append(faults, holds(got.UpdatedAt.After(last), "after %s UpdatedAt is %s, was %s", step.what, got.UpdatedAt, last),
			same("DefnUpdatedAt after "+step.what, got.DefnUpdatedAt, t0), same("Revision after "+step.what, got.Revision, int64(1)))
		last = got.UpdatedAt
	}
	return errors.Join(faults...)
}

func tagOfJobRefused(ctx context.Context, s jobs.Store) error {
	j, k := givenJob(ctx, s, "stock"), givenTag(ctx, s, "nightly")
	d := givenJob(ctx, s, "", draftOf(j))
	alien := jobs.Tag{ID: jobs.NewTagID(), Tenant: foreign, Name: "alien", CreatedAt: t0, UpdatedAt: t0}
	done(s.InsertTag(ctx, alien))
	put := func(t jobs.TenantID, job jobs.ID, tag jobs.TagID) error { return s.PutJobTag(ctx, at(1), t, job, tag) }
	return errors.Join(refused("a foreign tag", put(tenant, j.ID, alien.ID), jobs.ErrNotFound),
		refused("an unknown tag", put(tenant, j.ID, jobs.NewTagID()), jobs.ErrNotFound),
		refused("an unknown job", put(tenant, jobs.NewID(), k.ID), jobs.ErrNotFound),
		refused("a job of another tenant", put(foreign, j.ID, alien.ID), jobs.ErrNotFound),
		conflict("a draft", put(tenant, d.ID, k.ID), "", ""),
		refused("a tag taken off by another tenant", s.DeleteJobTag(ctx, at(1), foreign, j.ID, k.ID), jobs.ErrNotFound),
		same("the job", readJob(ctx, s, j), j), same("the draft", readJob(ctx, s, d), d))
}

func tagOfJobLimit(ctx context.Context, s jobs.Store) error {
	j, full := givenJob(ctx, s, "stock"), newJob("full")
	var last jobs.Tag
	for i := range jobs.MaxTags + 1 {
		last = givenTag(ctx, s, fmt.Sprint("tag-", i))
		full.Tags = append(full.Tags, jobs.JobTag{Tag: last})
		if i < jobs.MaxTags {
			done(s.PutJobTag(ctx, at(1), tenant, j.ID, last.ID))
		}
	}
	insert := s.InsertJob(ctx, t0, full)
	full.Tags = full.Tags[1:]
	done(s.InsertJob(ctx, t0, full))
	return errors.Join(conflict("one tag more", s.PutJobTag(ctx, at(1), tenant, j.ID, last.ID), "", ""),
		conflict("a new job with one tag more", insert, "", ""), same("tags", len(tagsOf(ctx, s, j)), jobs.MaxTags),
		same("tags of the new job", len(tagsOf(ctx, s, full)), jobs.MaxTags))
}

func tagOfJobDelete(ctx context.Context, s jobs.Store) error {
	j, other, k := givenJob(ctx, s, "stock"), givenJob(ctx, s, "sales"), givenTag(ctx, s, "nightly")
	done(s.PutJobTag(ctx, at(1), tenant, j.ID, k.ID))
	done(s.PutJobTag(ctx, at(1), tenant, other.ID, k.ID))
	done(s.DeleteJobTag(ctx, at(2), tenant, j.ID, k.ID))
	again := s.DeleteJobTag(ctx, at(2), tenant, j.ID, k.ID)
	unknown := s.DeleteJobTag(ctx, at(2), tenant, jobs.NewID(), k.ID)
	return errors.Join(refused("a second time", again, jobs.ErrNotFound), refused("an unknown job", unknown, jobs.ErrNotFound),
		same("tags of the job", len(tagsOf(ctx, s, j)), 0), same("tags of the other job", tagsOf(ctx, s, other), []jobs.TagID{k.ID}))
}

func tagDelete(ctx context.Context, s jobs.Store) error {
	j, other := givenJob(ctx, s, "stock"), givenJob(ctx, s, "sales")
	k, kept := givenTag(ctx, s, "nightly"), givenTag(ctx, s, "kept")
	for _, job := range []*jobs.Job{j, other} {
		done(s.PutJobTag(ctx, at(1), tenant, job.ID, k.ID))
		done(s.PutJobTag(ctx, at(1), tenant, job.ID, kept.ID))
	}
	done(s.DeleteTag(ctx, at(2), tenant, k.ID))
	_, gone := s.Tag(ctx, tenant, k.ID)
	return errors.Join(refused("the tag", gone, jobs.ErrNotFound), same("tags of one job", tagsOf(ctx, s, j), []jobs.TagID{kept.ID}),
		same("tags of the other", tagsOf(ctx, s, other), []jobs.TagID{kept.ID}),
		same("jobs with the tag", slugs(ctx, s, jobs.JobQuery{Tags: []jobs.TagID{k.ID}}), []string(nil)))
}

func tagJobDeleted(ctx context.Context, s jobs.Store) error {
	j, k := givenJob(ctx, s, "stock"), givenTag(ctx, s, "nightly")
	done(s.PutJobTag(ctx, at(1), tenant, j.ID, k.ID))
	done(s.DeleteJob(ctx, at(2), tenant, j.ID, 1, false))
	again := newJob("stock")
	again.ID = j.ID
	done(s.InsertJob(ctx, at(3), again))
	return errors.Join(same("tags of a job with the same id", len(tagsOf(ctx, s, again)), 0), same("the tag", must(s.Tag(ctx, tenant, k.ID)), k))
}

func tagInsert(ctx context.Context, s jobs.Store) error {
	a, b := givenTag(ctx, s, "a"), givenTag(ctx, s, "b")
	alien := jobs.Tag{ID: jobs.NewTagID(), Tenant: foreign, Name: "alien", CreatedAt: t0, UpdatedAt: t0}
	done(s.InsertTag(ctx, alien))
	j := newJob("copy")
	j.Tags = []jobs.JobTag{{Tag: b}, {Tag: a}, {Tag: b}}
	done(s.InsertJob(ctx, t0, j))
	d := newJob("", draftOf(j))
	d.Tags = j.Tags
	done(s.InsertJob(ctx, t0, d))
	wrong := newJob("wrong")
	wrong.Tags = []jobs.JobTag{{Tag: a}, {Tag: alien}}
	insert := s.InsertJob(ctx, t0, wrong)
	_, stored := s.Job(ctx, tenant, jobs.JobRef{Slug: "wrong"})
	return errors.Join(same("tags", tagsOf(ctx, s, j), []jobs.TagID{b.ID, a.ID}), same("tags of the draft", len(tagsOf(ctx, s, d)), 0),
		refused("a new job with a foreign tag", insert, jobs.ErrNotFound), refused("that job", stored, jobs.ErrNotFound))
}

func tagFilter(ctx context.Context, s jobs.Store) error {
	a, b := givenTag(ctx, s, "a"), givenTag(ctx, s, "b")
	for slug, tags := range map[string][]jobs.Tag{"none": nil, "one": {a}, "both": {a, b}, "other": {b}} {
		j := givenJob(ctx, s, slug)
		for _, k := range tags {
			done(s.PutJobTag(ctx, at(1), tenant, j.ID, k.ID))
		}
	}
	with := func(ids ...jobs.TagID) []string { return slugs(ctx, s, jobs.JobQuery{Tags: ids}) }
	return errors.Join(same("jobs with a", with(a.ID), []string{"both", "one"}), same("jobs with a and b", with(a.ID, b.ID), []string{"both"}),
		same("jobs with an unknown tag", with(jobs.NewTagID()), []string(nil)), same("jobs", len(with()), 4))
}

func tagRace(ctx context.Context, s jobs.Store) error {
	errs := together(8, func(i int) error {
		return s.InsertTag(ctx, jobs.Tag{ID: jobs.NewTagID(), Tenant: tenant, Name: []string{"nightly", "NIGHTLY"}[i%2], CreatedAt: t0, UpdatedAt: t0})
	})
	won := slices.DeleteFunc(errs, func(err error) bool { return errors.Is(err, jobs.ErrConflict) })
	return errors.Join(same("how many were stored", len(won), 1), errors.Join(won...), same("tags", len(must(s.Tags(ctx, tenant, ""))), 1))
}

func tagRaceDelete(ctx context.Context, s jobs.Store) error {
	k := givenTag(ctx, s, "nightly")
	list := make([]*jobs.Job, 8)
	for i := range list {
		list[i] = givenJob(ctx, s, fmt.Sprint("job-", i))
	}
	errs := together(len(list)+1, func(i int) error {
		if i == len(list) {
			return s.DeleteTag(ctx, at(1), tenant, k.ID)
		}
		if err := s.PutJobTag(ctx, at(1), tenant, list[i].ID, k.ID); !errors.Is(err, jobs.ErrNotFound) {
			return err
		}
		return nil // the tag was gone
	})
	faults := []error{errors.Join(errs...)}
	for _, j := range list {
		faults = append(faults, same("tags of "+j.Slug, len(tagsOf(ctx, s, j)), 0))
	}
	return errors.Join(faults...)
}

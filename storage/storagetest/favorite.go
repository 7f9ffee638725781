package storagetest

import (
	"context"
	"errors"
	"slices"

	"github.com/carillon-go/carillon/jobs"
)

func favoriteRules() []rule {
	return []rule{
		{"a favorite is one of its user only", favoriteOfUser},
		{"a favorite is set and taken away as often as one likes", favoriteRepeat},
		{"a favorite changes nothing of the job", favoriteChangesNothing},
		{"a favorite of an unknown job or of a draft is refused", favoriteRefused},
		{"a list is filtered by favorites of a user", favoriteFilter},
		{"a deleted job takes its favorites along", favoriteJobDeleted},
	}
}

func favoritesOf(ctx context.Context, s jobs.Store, user jobs.PrincipalID, among ...*jobs.Job) []string {
	var ids []jobs.ID
	for _, j := range among {
		ids = append(ids, j.ID)
	}
	found := must(s.Favorites(ctx, tenant, user, ids))
	var list []string
	for _, j := range among {
		if slices.Contains(found, j.ID) {
			list = append(list, j.Slug)
		}
	}
	if len(list) != len(found) {
		list = append(list, "one that was not asked for")
	}
	return list
}

func favoriteOfUser(ctx context.Context, s jobs.Store) error {
	a, b, c := givenJob(ctx, s, "a"), givenJob(ctx, s, "b"), givenJob(ctx, s, "c")
	done(s.SetFavorite(ctx, tenant, owner, a.ID, true))
	done(s.SetFavorite(ctx, tenant, owner, c.ID, true))
	done(s.SetFavorite(ctx, tenant, clerk, b.ID, true))
	other := must(s.Favorites(ctx, foreign, owner, []jobs.ID{a.ID}))
	return errors.Join(same("of the one", favoritesOf(ctx, s, owner, a, b, c), []string{"a", "c"}),
		same("of the other", favoritesOf(ctx, s, clerk, a, b, c), []string{"b"}), same("among one", favoritesOf(ctx, s, owner, b), []string(nil)),
		same("among none", favoritesOf(ctx, s, owner), []string(nil)), same("of the name in another tenant", len(other), 0))
}

func favoriteRepeat(ctx context.Context, s jobs.Store) error {
	j := givenJob(ctx, s, "a")
	var faults []error
	for _, favorite := range []bool{false, true, true, false, false, true} {
		done(s.SetFavorite(ctx, tenant, owner, j.ID, favorite))
		faults = append(faults, same("a favorite", len(favoritesOf(ctx, s, owner, j)) == 1, favorite))
	}
	return errors.Join(faults...)
}

func favoriteChangesNothing(ctx context.Context, s jobs.Store) error {
	j := givenJob(ctx, s, "a")
	done(s.SetFavorite(ctx, tenant, owner, j.ID, true))
	return same("the job", readJob(ctx, s, j), j)
}

func favoriteRefused(ctx context.Context, s jobs.Store) error {
	j := givenJob(ctx, s, "a")
	d := givenJob(ctx, s, "", draftOf(j))
	return errors.Join(refused("an unknown job", s.SetFavorite(ctx, tenant, owner, jobs.NewID(), true), jobs.ErrNotFound),
		refused("a job of another tenant", s.SetFavorite(ctx, foreign, owner, j.ID, true), jobs.ErrNotFound),
		conflict("a draft", s.SetFavorite(ctx, tenant, owner, d.ID, true), "", ""), same("favorites", favoritesOf(ctx, s, owner, j, d), []string(nil)))
}

func favoriteFilter(ctx context.Context, s jobs.Store) error {
	a := givenJob(ctx, s, "a")
	b := givenJob(ctx, s, "b")
	givenJob(ctx, s, "c")
	done(s.SetFavorite(ctx, tenant, owner, a.ID, true))
	done(s.SetFavorite(ctx, tenant, clerk, b.ID, true))
	yes, no := true, false
	var marked []string
	for _, j := range must(s.JobSummaries(ctx, jobs.JobQuery{Tenant: tenant, Viewer: owner})).Items {
		if j.Favorite {
			marked = append(marked, j.Slug)
		}
	}
	return errors.Join(same("favorites in summaries", marked, []string{"a"}),
		same("favorites", slugs(ctx, s, jobs.JobQuery{Favorite: &yes, FavoriteOf: owner}), []string{"a"}),
		same("the others", slugs(ctx, s, jobs.JobQuery{Favorite: &no, FavoriteOf: owner}), []string{"b", "c"}),
		same("favorites of one who has none", slugs(ctx, s, jobs.JobQuery{Favorite: &yes, FavoriteOf: "kim"}), []string(nil)))
}

func favoriteJobDeleted(ctx context.Context, s jobs.Store) error {
	j := givenJob(ctx, s, "a")
	done(s.SetFavorite(ctx, tenant, owner, j.ID, true))
	done(s.DeleteJob(ctx, at(1), tenant, j.ID, 1, false))
	again := newJob("a")
	again.ID = j.ID
	done(s.InsertJob(ctx, at(2), again))
	return same("favorites among a job with the same id", favoritesOf(ctx, s, owner, again), []string(nil))
}

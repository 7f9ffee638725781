package storagetest

import (
	"context"
	"time"

	"github.com/carillon-go/carillon/jobs"
)

func (b *blunt) InsertTag(ctx context.Context, k jobs.Tag) error {
	return b.write("InsertTag", func() error { return b.Store.InsertTag(ctx, k) })
}

func (b *blunt) SaveTag(ctx context.Context, k jobs.Tag, base time.Time) error {
	return b.write("SaveTag", func() error { return b.Store.SaveTag(ctx, k, base) })
}

func (b *blunt) DeleteTag(ctx context.Context, now time.Time, t jobs.TenantID, id jobs.TagID) error {
	return b.write("DeleteTag", func() error { return b.Store.DeleteTag(ctx, now, t, id) })
}

func (b *blunt) Tag(ctx context.Context, t jobs.TenantID, id jobs.TagID) (jobs.Tag, error) {
	return read(b, "Tag", func() (jobs.Tag, error) { return b.Store.Tag(ctx, b.tenant("Tag", t), id) })
}

func (b *blunt) Tags(ctx context.Context, t jobs.TenantID, name string) ([]jobs.Tag, error) {
	return list(b, "Tags", func() ([]jobs.Tag, error) { return b.Store.Tags(ctx, t, name) })
}

func (b *blunt) PutJobTag(ctx context.Context, now time.Time, t jobs.TenantID, job jobs.ID, tag jobs.TagID) error {
	return b.write("PutJobTag", func() error { return b.Store.PutJobTag(ctx, now, t, job, tag) })
}

func (b *blunt) DeleteJobTag(ctx context.Context, now time.Time, t jobs.TenantID, job jobs.ID, tag jobs.TagID) error {
	return b.write("DeleteJobTag", func() error { return b.Store.DeleteJobTag(ctx, now, t, job, tag) })
}

func (b *blunt) Job(ctx context.Context, t jobs.TenantID, ref jobs.JobRef) (*jobs.Job, error) {
	j, err := b.Store.Job(ctx, t, ref)
	if err != nil {
		return nil, err
	}
	switch {
	case b.is("Job", partial):
		j.Tags = nil
	case b.is("Job", reversed):
		j.Tags = wrong(b, "Job", j.Tags)
	case b.is("Job", blank):
		j.LastRun = nil
	}
	return j, nil
}

func (b *blunt) Jobs(ctx context.Context, q jobs.JobQuery) (jobs.Page[*jobs.Job], error) {
	if b.is("Jobs", strangely) {
		q.Tags = nil // filters by nothing
	}
	return pageOf(b, "Jobs", func() (jobs.Page[*jobs.Job], error) { return b.Store.Jobs(ctx, q) })
}

func (b *blunt) InsertTeam(ctx context.Context, k jobs.Team) error {
	return b.write("InsertTeam", func() error { return b.Store.InsertTeam(ctx, k) })
}

func (b *blunt) SaveTeam(ctx context.Context, k jobs.Team) error {
	return b.write("SaveTeam", func() error { return b.Store.SaveTeam(ctx, k) })
}

func (b *blunt) PutMember(ctx context.Context, now time.Time, t jobs.TenantID, team jobs.PrincipalID, m jobs.Member) error {
	return b.write("PutMember", func() error { return b.Store.PutMember(ctx, now, t, team, m) })
}

func (b *blunt) DeleteMember(ctx context.Context, now time.Time, t jobs.TenantID, team, user jobs.PrincipalID) error {
	return b.write("DeleteMember", func() error { return b.Store.DeleteMember(ctx, now, t, team, user) })
}

func (b *blunt) DeleteTeam(ctx context.Context, now time.Time, t jobs.TenantID, id jobs.PrincipalID, base int64) error {
	return b.write("DeleteTeam", func() error { return b.Store.DeleteTeam(ctx, now, t, id, base) })
}

func (b *blunt) Team(ctx context.Context, t jobs.TenantID, id jobs.PrincipalID) (jobs.Team, error) {
	return read(b, "Team", func() (jobs.Team, error) { return b.Store.Team(ctx, b.tenant("Team", t), id) })
}

func (b *blunt) Teams(ctx context.Context, q jobs.TeamQuery) (jobs.Page[jobs.Team], error) {
	return pageOf(b, "Teams", func() (jobs.Page[jobs.Team], error) { return b.Store.Teams(ctx, q) })
}

func (b *blunt) InsertUser(ctx context.Context, u jobs.User) error {
	return b.write("InsertUser", func() error { return b.Store.InsertUser(ctx, u) })
}

func (b *blunt) SaveUser(ctx context.Context, u jobs.User, keep []byte) error {
	return b.write("SaveUser", func() error { return b.Store.SaveUser(ctx, u, keep) })
}

func (b *blunt) DeleteUser(ctx context.Context, now time.Time, t jobs.TenantID, id jobs.PrincipalID, base int64) error {
	return b.write("DeleteUser", func() error { return b.Store.DeleteUser(ctx, now, t, id, base) })
}

func (b *blunt) User(ctx context.Context, t jobs.TenantID, id jobs.PrincipalID) (jobs.User, error) {
	return read(b, "User", func() (jobs.User, error) { return b.Store.User(ctx, b.tenant("User", t), id) })
}

func (b *blunt) Users(ctx context.Context, q jobs.UserQuery) (jobs.Page[jobs.User], error) {
	return pageOf(b, "Users", func() (jobs.Page[jobs.User], error) { return b.Store.Users(ctx, q) })
}

func (b *blunt) CountUsers(ctx context.Context, t jobs.TenantID) (int, error) {
	return read(b, "CountUsers", func() (int, error) { return b.Store.CountUsers(ctx, t) })
}

package sqlstore

import (
	"context"
	"strings"
	"time"

	"github.com/carillon-go/carillon/jobs"
)

type teamRow struct {
	Tenant    jobs.TenantID    `db:"tenant"`
	ID        jobs.PrincipalID `db:"id"`
	Name      string           `db:"name"`
	Revision  int64            `db:"revision"`
	CreatedAt int64            `db:"created_at"`
	UpdatedAt int64            `db:"updated_at"`
}

func (r *teamRow) toTeam() jobs.Team {
	return jobs.Team{
		Tenant: r.Tenant, ID: r.ID, Name: r.Name, Revision: r.Revision, CreatedAt: fromMillis(r.CreatedAt), UpdatedAt: fromMillis(r.UpdatedAt),
	}
}

const (
	teamColumns = `tenant, id, name, revision, created_at, updated_at`

	sqlCountTeams = `
	SELECT count(*)
	FROM   teams
	WHERE  tenant = ?`
	sqlInsertTeam = `
	INSERT INTO teams (name, name_fold, updated_at, tenant, id, created_at, revision)
	VALUES (?, ?, ?, ?, ?, ?, 1)`
	// sqlGetTeam: lookup by primary key.
	sqlGetTeam = `
	SELECT ` + teamColumns + `
	FROM   teams
	WHERE  tenant = ? AND id = ?`
	// sqlUpdateTeam: lookup by primary key.
	sqlUpdateTeam = `
	UPDATE teams
	SET    name = ?, name_fold = ?, updated_at = ?, revision = revision + 1
	WHERE  tenant = ? AND id = ?`
)

// teamArgs are the values that InsertTeam and SaveTeam write, the key last.
func teamArgs(x *jobs.Team) []any {
	return []any{x.Name, strings.ToLower(x.Name), toMillis(x.UpdatedAt), x.Tenant, x.ID}
}

// InsertTeam is jobs.TeamStore.
func (c *Core) InsertTeam(ctx context.Context, x jobs.Team) error {
	return c.write(ctx, "insert team", func(t *Tx) error {
		var n int
		if _, err := t.get(&n, sqlCountTeams, x.Tenant); err != nil {
			return err
		}
		if n >= jobs.MaxTeamsPerTenant {
			return jobs.Conflict("the tenant has %d teams; the limit is %d", n, jobs.MaxTeamsPerTenant)
		}
		_, err := t.exec(sqlInsertTeam, append(teamArgs(&x), toMillis(x.CreatedAt))...)
		if c.db.Unique(err) {
			return jobs.Conflict("the team %s exists already", x.ID.Bare())
		}
		if err != nil {
			return err
		}
		if err := t.returned(x.Tenant, x.ID); err != nil {
			return err
		}
		return t.addMembers(x.Tenant, x.ID, x.Members)
	})
}

// team reads a team whose revision has to be base, 0 for any.
func (t *Tx) team(tenant jobs.TenantID, id jobs.PrincipalID, base int64) (*teamRow, error) {
	var row teamRow
	ok, err := t.get(&row, sqlGetTeam, tenant, id)
	switch {
	case err != nil:
		return nil, err
	case !ok:
		return nil, jobs.NotFound("team")
	case base != 0 && row.Revision != base:
		return nil, jobs.ErrPrecondition
	}
	return &row, nil
}

// sqlDeleteMembers: primary key.
const sqlDeleteMembers = `
	DELETE FROM team_members
	WHERE  tenant = ? AND team_id = ?`

// SaveTeam is jobs.TeamStore.
func (c *Core) SaveTeam(ctx context.Context, x jobs.Team) error {
	return c.write(ctx, "save team", func(t *Tx) error {
		old, err := t.team(x.Tenant, x.ID, 0)
		if err != nil {
			return err
		}
		if old.Revision != x.Revision {
			return jobs.ErrPrecondition
		}
		if _, err := t.exec(sqlUpdateTeam, teamArgs(&x)...); err != nil {
			return err
		}
		if _, err := t.exec(sqlDeleteMembers, x.Tenant, x.ID); err != nil {
			return err
		}
		return t.addMembers(x.Tenant, x.ID, x.Members)
	})
}

const (
	// sqlCountUsersOf: lookups by primary key.
	sqlCountUsersOf = `
	SELECT count(*)
	FROM   users
	WHERE  tenant = ? AND id IN LIST(?)`
	// sqlPutMember: primary key.
	sqlPutMember = `
	INSERT INTO team_members (tenant, team_id, user_id, role)
	VALUES (?, ?, ?, ?)
	ON CONFLICT (tenant, team_id, user_id) DO UPDATE SET role = excluded.role`
	sqlCountMembers = `
	SELECT count(*)
	FROM   team_members
	WHERE  tenant = ? AND team_id = ?`
	// sqlFindBusyUser: index team_members_user.
	sqlFindBusyUser = `
	SELECT user_id
	FROM   team_members
	WHERE  tenant = ? AND user_id IN LIST(?)
	GROUP  BY user_id
	HAVING count(*) > ?
	LIMIT  1`
)

// addMembers puts users into a team and holds the limits of both.
func (t *Tx) addMembers(tenant jobs.TenantID, team jobs.PrincipalID, members []jobs.Member) error {
	users := map[jobs.PrincipalID]bool{}
	ids := make([]jobs.PrincipalID, 0, len(members))
	for _, m := range members {
		if !users[m.User] {
			users[m.User] = true
			ids = append(ids, m.User)
		}
	}
	var n int
	if _, err := t.get(&n, sqlCountUsersOf, tenant, texts(ids)); err != nil {
		return err
	}
	if n != len(ids) {
		return jobs.NotFound("user")
	}
	for _, m := range members {
		if _, err := t.exec(sqlPutMember, tenant, team, m.User, m.Role); err != nil {
			return err
		}
	}
	if _, err := t.get(&n, sqlCountMembers, tenant, team); err != nil {
		return err
	}
	if n > jobs.MaxTeamMembers {
		return jobs.Conflict("a team can have %d members", jobs.MaxTeamMembers)
	}
	var busy jobs.PrincipalID
	found, err := t.get(&busy, sqlFindBusyUser, tenant, texts(ids), jobs.MaxTeamsPerUser)
	if err == nil && found {
		return jobs.Conflict("%s is in %d teams, which is the limit", busy, jobs.MaxTeamsPerUser)
	}
	return err
}

const (
	// sqlTouchTeam: lookup by primary key.
	sqlTouchTeam = `
	UPDATE teams
	SET    updated_at = ?, revision = revision + 1
	WHERE  tenant = ? AND id = ?`
	// sqlTouchTeamsOfUser: lookups by primary key, found in the index team_members_user.
	sqlTouchTeamsOfUser = `
	UPDATE teams
	SET    updated_at = ?, revision = revision + 1
	WHERE  tenant = ? AND id IN (SELECT team_id FROM team_members WHERE tenant = ? AND user_id = ?)`
	sqlDeleteMember = `
	DELETE FROM team_members
	WHERE  tenant = ? AND team_id = ? AND user_id = ?`
)

// PutMember is jobs.TeamStore.
func (c *Core) PutMember(ctx context.Context, now time.Time, tenant jobs.TenantID, team jobs.PrincipalID, m jobs.Member) error {
	return c.write(ctx, "put member", func(t *Tx) error {
		n, err := t.exec(sqlTouchTeam, toMillis(now), tenant, team)
		if err != nil {
			return err
		}
		if n == 0 {
			return jobs.NotFound("team")
		}
		return t.addMembers(tenant, team, []jobs.Member{m})
	})
}

// DeleteMember is jobs.TeamStore.
func (c *Core) DeleteMember(ctx context.Context, now time.Time, tenant jobs.TenantID, team, user jobs.PrincipalID) error {
	return c.write(ctx, "delete member", func(t *Tx) error {
		n, err := t.exec(sqlDeleteMember, tenant, team, user)
		if err != nil {
			return err
		}
		if n == 0 {
			return jobs.NotFound("member")
		}
		_, err = t.exec(sqlTouchTeam, toMillis(now), tenant, team)
		return err
	})
}

const sqlDeleteTeam = `
	DELETE FROM teams
	WHERE  tenant = ? AND id = ?`

// DeleteTeam is jobs.TeamStore.
func (c *Core) DeleteTeam(ctx context.Context, now time.Time, tenant jobs.TenantID, id jobs.PrincipalID, base int64) error {
	return c.write(ctx, "delete team", func(t *Tx) error {
		if _, err := t.team(tenant, id, base); err != nil {
			return err
		}
		if err := t.ownsNothing(tenant, id); err != nil {
			return err
		}
		if _, err := t.exec(sqlDeleteMembers, tenant, id); err != nil {
			return err
		}
		if err := t.unshareAll(now, tenant, id); err != nil {
			return err
		}
		if _, err := t.exec(sqlDeleteTeam, tenant, id); err != nil {
			return err
		}
		return t.noteRemoved(now, tenant, id)
	})
}

// sqlListMembers: primary key.
const sqlListMembers = `
	SELECT team_id, user_id, role
	FROM   team_members
	WHERE  tenant = ? AND team_id IN LIST(?)
	ORDER  BY team_id, user_id`

// Team is jobs.TeamStore.
func (c *Core) Team(ctx context.Context, tenant jobs.TenantID, id jobs.PrincipalID) (jobs.Team, error) {
	page, err := c.Teams(ctx, jobs.TeamQuery{Tenant: tenant, IDs: []jobs.PrincipalID{id}})
	switch {
	case err != nil:
		return jobs.Team{}, err
	case len(page.Items) == 0:
		return jobs.Team{}, jobs.NotFound("team")
	}
	return page.Items[0], nil
}

// teamSort are the expressions of the sort fields.
var teamSort = map[string]sortColumn{
	"name":      {"name_fold", false},
	"slug":      {"id", false},
	"createdAt": {"created_at", false},
	"updatedAt": {"updated_at", false},
}

// teamQueries count the teams of a list and read its page.
func teamQueries(f jobs.TeamQuery) (count, page *query, err error) {
	filter := func(q *query) {
		q.and("tenant = ?", f.Tenant)
		if f.IDs != nil {
			q.and("id IN LIST(?)", texts(f.IDs))
		}
		for _, word := range f.Words {
			pattern := likePattern(strings.ToLower(word))
			// Behind "team:", which every id has.
			q.and(`(substr(id, 6) LIKE ? ESCAPE '\' OR name_fold LIKE ? ESCAPE '\')`, pattern, pattern)
		}
	}
	count, page = new(query), new(query)
	count.add("SELECT count(*) FROM teams")
	filter(count)
	page.add("SELECT " + teamColumns + " FROM teams")
	filter(page)
	err = page.orderBy(teamSort, f.Sort, jobs.SortKey{Field: "name"})
	page.page(f.Start, f.Limit)
	return count, page, err
}

// Teams is jobs.TeamStore.
func (c *Core) Teams(ctx context.Context, f jobs.TeamQuery) (jobs.Page[jobs.Team], error) {
	count, page, err := teamQueries(f)
	if err != nil {
		return jobs.Page[jobs.Team]{}, err
	}
	var result jobs.Page[jobs.Team]
	err = c.read(ctx, "list teams", func(v *View) error {
		var total []int
		if err := v.build(&total, count); err != nil {
			return err
		}
		var rows []teamRow
		if err := v.build(&rows, page); err != nil {
			return err
		}
		teams, err := v.teams(f, rows)
		result = jobs.Page[jobs.Team]{Items: teams, Total: total[0]}
		return err
	})
	return result, err
}

// teams makes teams of rows, with their members if they are wanted.
func (v *View) teams(f jobs.TeamQuery, rows []teamRow) ([]jobs.Team, error) {
	teams := make([]jobs.Team, len(rows))
	ids := make([]jobs.PrincipalID, len(rows))
	position := make(map[jobs.PrincipalID]int, len(rows))
	for i := range rows {
		teams[i] = rows[i].toTeam()
		ids[i], position[rows[i].ID] = rows[i].ID, i
	}
	if f.Bare {
		return teams, nil
	}
	var members []membershipRow
	if err := v.all(&members, sqlListMembers, f.Tenant, texts(ids)); err != nil {
		return nil, err
	}
	for _, m := range members {
		x := &teams[position[m.Team]]
		x.Members = append(x.Members, jobs.Member{User: m.User, Role: m.Role})
	}
	return teams, nil
}

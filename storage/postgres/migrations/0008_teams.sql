-- +goose Up

-- revision is what If-Match of a user looks at. The folded texts are for searching and sorting without regard to case.
ALTER TABLE carillon.users ADD COLUMN revision BIGINT NOT NULL DEFAULT 1 CHECK (revision >= 1);
ALTER TABLE carillon.users ADD COLUMN display_fold TEXT COLLATE "C" NOT NULL DEFAULT '';
ALTER TABLE carillon.users ADD COLUMN email_fold TEXT COLLATE "C" NOT NULL DEFAULT '';
UPDATE carillon.users SET display_fold = lower(display_name), email_fold = lower(email);

CREATE TABLE carillon.teams (
	tenant     TEXT COLLATE "C" NOT NULL,
	id         TEXT COLLATE "C" NOT NULL CHECK (id LIKE 'team:_%'),
	name       TEXT COLLATE "C" NOT NULL,
	name_fold  TEXT COLLATE "C" NOT NULL,
	revision   BIGINT           NOT NULL CHECK (revision >= 1),
	created_at BIGINT           NOT NULL,
	updated_at BIGINT           NOT NULL,
	PRIMARY KEY (tenant, id)
);

CREATE TABLE carillon.team_members (
	tenant  TEXT COLLATE "C" NOT NULL,
	team_id TEXT COLLATE "C" NOT NULL,
	user_id TEXT COLLATE "C" NOT NULL,
	role    TEXT COLLATE "C" NOT NULL CHECK (role IN ('member', 'memberPlus', 'designer', 'dataWizard', 'publisher', 'admin')),
	PRIMARY KEY (tenant, team_id, user_id),
	FOREIGN KEY (tenant, team_id) REFERENCES carillon.teams (tenant, id),
	FOREIGN KEY (tenant, user_id) REFERENCES carillon.users (tenant, id)
);
-- With the role: the teams of a user are read with every request, from the index alone.
CREATE INDEX team_members_user ON carillon.team_members (tenant, user_id, team_id, role);

-- Who owns what: asked before a user or a team is removed.
CREATE INDEX jobs_owner ON carillon.jobs (tenant, owner_id, id);

-- Users and teams that were removed a moment ago: a job that somebody is just making is not given to them.
CREATE TABLE carillon.removed_principals (
	tenant     TEXT COLLATE "C" NOT NULL,
	id         TEXT COLLATE "C" NOT NULL,
	removed_at BIGINT           NOT NULL,
	PRIMARY KEY (tenant, id)
);

-- When the removal of the tenant began; 0: it is not being removed.
ALTER TABLE carillon.tenants ADD COLUMN closed_at BIGINT NOT NULL DEFAULT 0;

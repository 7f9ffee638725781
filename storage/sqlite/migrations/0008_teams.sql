-- +goose Up

-- revision is what If-Match of a user looks at. The folded texts are for searching and sorting without regard to case.
ALTER TABLE users ADD COLUMN revision INTEGER NOT NULL DEFAULT 1 CHECK (revision >= 1);
ALTER TABLE users ADD COLUMN display_fold TEXT NOT NULL DEFAULT '';
ALTER TABLE users ADD COLUMN email_fold TEXT NOT NULL DEFAULT '';
UPDATE users SET display_fold = lower(display_name), email_fold = lower(email);

CREATE TABLE teams (
	tenant     TEXT    NOT NULL,
	id         TEXT    NOT NULL CHECK (id LIKE 'team:_%'),
	name       TEXT    NOT NULL,
	name_fold  TEXT    NOT NULL,
	revision   INTEGER NOT NULL CHECK (revision >= 1),
	created_at INTEGER NOT NULL,
	updated_at INTEGER NOT NULL,
	PRIMARY KEY (tenant, id)
) STRICT, WITHOUT ROWID;

CREATE TABLE team_members (
	tenant  TEXT NOT NULL,
	team_id TEXT NOT NULL,
	user_id TEXT NOT NULL,
	role    TEXT NOT NULL CHECK (role IN ('member', 'memberPlus', 'designer', 'dataWizard', 'publisher', 'admin')),
	PRIMARY KEY (tenant, team_id, user_id),
	FOREIGN KEY (tenant, team_id) REFERENCES teams (tenant, id),
	FOREIGN KEY (tenant, user_id) REFERENCES users (tenant, id)
) STRICT, WITHOUT ROWID;
-- With the role: the teams of a user are read with every request, from the index alone.
CREATE INDEX team_members_user ON team_members (tenant, user_id, team_id, role);

-- Who owns what: asked before a user or a team is removed.
CREATE INDEX jobs_owner ON jobs (tenant, owner_id, id);

-- Users and teams that were removed a moment ago: a job that somebody is just making is not given to them.
CREATE TABLE removed_principals (
	tenant     TEXT    NOT NULL,
	id         TEXT    NOT NULL,
	removed_at INTEGER NOT NULL,
	PRIMARY KEY (tenant, id)
) STRICT, WITHOUT ROWID;

-- When the removal of the tenant began; 0: it is not being removed.
ALTER TABLE tenants ADD COLUMN closed_at INTEGER NOT NULL DEFAULT 0;

PRAGMA user_version = 8;

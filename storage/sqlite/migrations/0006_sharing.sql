-- +goose Up

-- name_fold is the name in lower case: two tags of a tenant do not differ by capitals only. color is #RRGGBB in capitals, or empty.
CREATE TABLE tags (
	id         TEXT    NOT NULL PRIMARY KEY,
	tenant     TEXT    NOT NULL,
	name       TEXT    NOT NULL CHECK (name <> ''),
	name_fold  TEXT    NOT NULL,
	color      TEXT    NOT NULL CHECK (color = '' OR color GLOB '#[0-9A-F][0-9A-F][0-9A-F][0-9A-F][0-9A-F][0-9A-F]'),
	created_at INTEGER NOT NULL,
	updated_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX tags_name ON tags (tenant, name_fold);

-- Ids grow, so that the tags of a job are in the order in which it got them.
CREATE TABLE job_tags (
	id     TEXT NOT NULL UNIQUE,
	job_id TEXT NOT NULL REFERENCES jobs (id),
	tag_id TEXT NOT NULL REFERENCES tags (id),
	PRIMARY KEY (job_id, tag_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX job_tags_tag ON job_tags (tag_id, job_id);

CREATE TABLE job_favorites (
	tenant  TEXT NOT NULL,
	user_id TEXT NOT NULL,
	job_id  TEXT NOT NULL REFERENCES jobs (id),
	PRIMARY KEY (tenant, user_id, job_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX job_favorites_job ON job_favorites (job_id);

-- Jobs that were handed over and that nobody has switched on since: their new owner has to.
CREATE TABLE job_handovers (
	job_id     TEXT    NOT NULL PRIMARY KEY REFERENCES jobs (id),
	created_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

PRAGMA user_version = 6;

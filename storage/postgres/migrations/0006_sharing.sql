-- +goose Up

-- name_fold is the name in lower case: two tags of a tenant do not differ by capitals only. color is #RRGGBB in capitals, or empty.
CREATE TABLE carillon.tags (
	id         TEXT COLLATE "C" NOT NULL PRIMARY KEY,
	tenant     TEXT COLLATE "C" NOT NULL,
	name       TEXT COLLATE "C" NOT NULL CHECK (name <> ''),
	name_fold  TEXT COLLATE "C" NOT NULL,
	color      TEXT COLLATE "C" NOT NULL CHECK (color = '' OR color ~ '^#[0-9A-F]{6}$'),
	created_at BIGINT           NOT NULL,
	updated_at BIGINT           NOT NULL
);
CREATE UNIQUE INDEX tags_name ON carillon.tags (tenant, name_fold);

-- Ids grow, so that the tags of a job are in the order in which it got them.
CREATE TABLE carillon.job_tags (
	id     TEXT COLLATE "C" NOT NULL UNIQUE,
	job_id TEXT COLLATE "C" NOT NULL REFERENCES carillon.jobs (id),
	tag_id TEXT COLLATE "C" NOT NULL REFERENCES carillon.tags (id),
	PRIMARY KEY (job_id, tag_id)
);
CREATE INDEX job_tags_tag ON carillon.job_tags (tag_id, job_id);

CREATE TABLE carillon.job_favorites (
	tenant  TEXT COLLATE "C" NOT NULL,
	user_id TEXT COLLATE "C" NOT NULL,
	job_id  TEXT COLLATE "C" NOT NULL REFERENCES carillon.jobs (id),
	PRIMARY KEY (tenant, user_id, job_id)
);
CREATE INDEX job_favorites_job ON carillon.job_favorites (job_id);

-- Jobs that were handed over and that nobody has switched on since: their new owner has to.
CREATE TABLE carillon.job_handovers (
	job_id     TEXT COLLATE "C" NOT NULL PRIMARY KEY REFERENCES carillon.jobs (id),
	created_at BIGINT           NOT NULL
);

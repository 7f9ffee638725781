-- Times are milliseconds since 1970 in UTC; 0 is "none" where a column is NOT NULL. Ids are text. JSON is text.

-- +goose Up
PRAGMA application_id = 1128354380;

-- One row: limits of the cluster and what steers all workers.
CREATE TABLE cluster (
	id           INTEGER NOT NULL PRIMARY KEY CHECK (id = 1),
	concurrency  INTEGER NOT NULL CHECK (concurrency BETWEEN 1 AND 100000),
	heartbeat_ms INTEGER NOT NULL CHECK (heartbeat_ms BETWEEN 1000 AND 300000),
	timeout_ms   INTEGER NOT NULL CHECK (timeout_ms BETWEEN 2000 AND 3600000)
) STRICT;

-- concurrency 0: the default. jobs and queued count the tenant's jobs without drafts and its queued runs, so that their limits cost no walk.
CREATE TABLE tenants (
	id          TEXT    NOT NULL PRIMARY KEY,
	concurrency INTEGER NOT NULL DEFAULT 0 CHECK (concurrency BETWEEN 0 AND 10000),
	jobs        INTEGER NOT NULL DEFAULT 0,
	queued      INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;

CREATE TABLE tenant_keys (
	tenant  TEXT    NOT NULL,
	number  INTEGER NOT NULL,
	id      TEXT    NOT NULL UNIQUE,
	wrapped BLOB    NOT NULL,
	PRIMARY KEY (tenant, number)
) STRICT, WITHOUT ROWID;

-- Each different set of drivers that a job needs has one row, so that a claim can leave out what its worker has not.
CREATE TABLE driver_sets (
	id      INTEGER NOT NULL PRIMARY KEY,
	drivers TEXT    NOT NULL UNIQUE
) STRICT;

-- What lists show stands in columns beside the definition, so that no list reads documents.
CREATE TABLE jobs (
	id               TEXT    NOT NULL PRIMARY KEY,
	tenant           TEXT    NOT NULL,
	slug             TEXT,
	owner_id         TEXT    NOT NULL,
	owner_fold       TEXT    NOT NULL,
	editing_id       TEXT    REFERENCES jobs (id),
	-- What a draft was made from; zero and empty for jobs that are no drafts.
	base_revision    INTEGER NOT NULL CHECK (base_revision >= 0),
	base_source      INTEGER NOT NULL,
	base_updated_at  INTEGER NOT NULL,
	base_owner       TEXT    NOT NULL,
	base_enabled     INTEGER NOT NULL CHECK (base_enabled IN (0, 1)),
	type             TEXT    NOT NULL,
	type_fold        TEXT    NOT NULL,
	name             TEXT    NOT NULL,
	name_fold        TEXT    NOT NULL,
	description      TEXT    NOT NULL,
	description_fold TEXT    NOT NULL,
	interval_text    TEXT    NOT NULL,
	interval_type    TEXT    NOT NULL CHECK (interval_type IN ('', 'cron', 'simple', 'once')),
	timezone         TEXT    NOT NULL,
	start_on         INTEGER NOT NULL,
	end_on           INTEGER NOT NULL,
	enabled          INTEGER NOT NULL CHECK (enabled IN (0, 1)),
	next_run_at      INTEGER CHECK (next_run_at <> 0),
	revision         INTEGER NOT NULL CHECK (revision >= 1),
	overlap          TEXT    NOT NULL CHECK (overlap IN ('skip', 'queue', 'cancel', 'allow')),
	max_concurrent   INTEGER NOT NULL CHECK (max_concurrent >= 1),
	priority         INTEGER NOT NULL,
	keep_days        INTEGER NOT NULL CHECK (keep_days >= 0),
	keep_runs        INTEGER NOT NULL CHECK (keep_runs >= 0),
	driver_set       INTEGER NOT NULL REFERENCES driver_sets (id),
	created_at       INTEGER NOT NULL,
	updated_at       INTEGER NOT NULL,
	defn_updated_at  INTEGER NOT NULL,
	CHECK ((editing_id IS NOT NULL) = (base_revision > 0)),
	CHECK (base_source <= base_revision AND (base_source > 0) = (base_revision > 0)),
	CHECK (editing_id IS NULL OR (slug IS NULL AND next_run_at IS NULL))
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX jobs_slug ON jobs (tenant, slug) WHERE slug IS NOT NULL;
-- With all that lists filter and sort by and that only an edit changes: a list of ten thousand jobs is counted and ordered from the index
-- alone, where a look at each row takes ten times as long. editing_id is in it because its condition is looked at in each entry.
CREATE INDEX jobs_list ON jobs (
	tenant, name_fold, id, owner_id, owner_fold, type, type_fold, enabled, created_at, updated_at, slug, editing_id, description_fold
) WHERE editing_id IS NULL;
CREATE INDEX jobs_due ON jobs (next_run_at, id) WHERE next_run_at IS NOT NULL AND enabled = 1;
-- A user has one draft of a job. It also finds the drafts of a job.
CREATE UNIQUE INDEX jobs_editor ON jobs (editing_id, owner_id) WHERE editing_id IS NOT NULL;
CREATE INDEX jobs_drafts ON jobs (tenant, owner_id, updated_at DESC, id) WHERE editing_id IS NOT NULL;

-- A revision never changes: runs name it. owner_id owned the job then; changes is a JSON array of sentences.
CREATE TABLE job_revisions (
	job_id     TEXT    NOT NULL REFERENCES jobs (id),
	revision   INTEGER NOT NULL,
	definition TEXT    NOT NULL,
	created_at INTEGER NOT NULL,
	created_by TEXT    NOT NULL,
	owner_id   TEXT    NOT NULL,
	changes    TEXT    NOT NULL CHECK (json_type(changes) = 'array'),
	PRIMARY KEY (job_id, revision)
) STRICT;

CREATE TABLE job_shares (
	job_id       TEXT    NOT NULL REFERENCES jobs (id),
	principal_id TEXT    NOT NULL,
	level        INTEGER NOT NULL CHECK (level IN (1, 2, 3, 5, 10)),
	created_at   INTEGER NOT NULL,
	updated_at   INTEGER NOT NULL,
	PRIMARY KEY (job_id, principal_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX job_shares_principal ON job_shares (principal_id, job_id);

-- Live runs only; a run moves to run_history when it ends. urgency is minus the priority: one ascending index serves the claim.
-- exclusive_key is the job's id for a run that may start of a job whose runs must not overlap. delayed: not_before was to come
-- when it was written. steps is NULL while the steps are those of the definition (pending, or the first one started). retry_of is the run
-- that this one repeats; pinned: it executes the revision that it has, whatever becomes of the job. Runs of a backfill are a chain: one
-- after another, whatever the policy of the job.
CREATE TABLE runs (
	id               TEXT    NOT NULL PRIMARY KEY,
	tenant           TEXT    NOT NULL,
	job_id           TEXT    NOT NULL,
	owner_id         TEXT    NOT NULL,
	revision         INTEGER NOT NULL,
	driver_set       INTEGER NOT NULL,
	status           TEXT    NOT NULL CHECK (status IN ('queued', 'running')),
	trigger_kind     TEXT    NOT NULL CHECK (trigger_kind IN ('schedule', 'manual', 'catchup', 'backfill')),
	triggered_by     TEXT    NOT NULL,
	retry_of         TEXT,
	pinned           INTEGER NOT NULL CHECK (pinned IN (0, 1)),
	worker_id        TEXT,
	fence            INTEGER NOT NULL,
	urgency          INTEGER NOT NULL,
	not_before       INTEGER NOT NULL,
	delayed          INTEGER NOT NULL CHECK (delayed IN (0, 1)),
	fire_at          INTEGER,
	blocked          INTEGER NOT NULL CHECK (blocked IN (0, 1)),
	exclusive_key    TEXT,
	losses           INTEGER NOT NULL,
	attempt          INTEGER NOT NULL,
	resumed          INTEGER NOT NULL,
	cancel_requested INTEGER NOT NULL CHECK (cancel_requested IN (0, 1)),
	params           TEXT    NOT NULL,
	steps            TEXT,
	warnings         INTEGER NOT NULL CHECK (warnings IN (0, 1)),
	seq              INTEGER NOT NULL,
	created_at       INTEGER NOT NULL,
	updated_at       INTEGER NOT NULL,
	started_at       INTEGER NOT NULL,
	CHECK ((status = 'running') = (worker_id IS NOT NULL)),
	CHECK (status = 'queued' OR (started_at <> 0 AND blocked = 0)),
	CHECK (exclusive_key IS NULL OR (exclusive_key = job_id AND blocked = 0)),
	CHECK (pinned = 0 OR retry_of IS NOT NULL),
	CHECK (trigger_kind = 'manual' OR retry_of IS NULL),
	CHECK (trigger_kind <> 'backfill' OR fire_at IS NOT NULL)
) STRICT, WITHOUT ROWID;
CREATE INDEX runs_claim ON runs (tenant, urgency, not_before, id) WHERE status = 'queued' AND blocked = 0;
CREATE INDEX runs_delayed ON runs (not_before) WHERE delayed = 1 AND status = 'queued' AND blocked = 0;
CREATE INDEX runs_held ON runs (worker_id, tenant) WHERE status = 'running';
CREATE INDEX runs_cancel ON runs (worker_id) WHERE cancel_requested = 1;
CREATE INDEX runs_open ON runs (job_id, created_at DESC, id) WHERE blocked = 0;
-- Runs of a backfill are let go when no other run waits.
CREATE INDEX runs_blocked ON runs (job_id, (trigger_kind = 'backfill'), created_at, id) WHERE blocked = 1;
CREATE UNIQUE INDEX runs_chain ON runs (job_id) WHERE trigger_kind = 'backfill' AND blocked = 0;
CREATE UNIQUE INDEX runs_fire ON runs (job_id, fire_at) WHERE fire_at IS NOT NULL;
CREATE UNIQUE INDEX runs_exclusive ON runs (exclusive_key) WHERE exclusive_key IS NOT NULL;

CREATE TABLE run_history (
	id               TEXT    NOT NULL PRIMARY KEY,
	tenant           TEXT    NOT NULL,
	job_id           TEXT    NOT NULL,
	owner_id         TEXT    NOT NULL,
	revision         INTEGER NOT NULL,
	status           TEXT    NOT NULL CHECK (status IN ('success', 'warning', 'error', 'canceled')),
	trigger_kind     TEXT    NOT NULL CHECK (trigger_kind IN ('schedule', 'manual', 'catchup', 'backfill')),
	triggered_by     TEXT    NOT NULL,
	retry_of         TEXT,
	worker_id        TEXT,
	fence            INTEGER NOT NULL,
	urgency          INTEGER NOT NULL,
	not_before       INTEGER NOT NULL,
	fire_at          INTEGER,
	losses           INTEGER NOT NULL,
	attempt          INTEGER NOT NULL,
	cancel_requested INTEGER NOT NULL,
	params           TEXT    NOT NULL,
	steps            TEXT,
	warnings         INTEGER NOT NULL,
	error            TEXT    NOT NULL,
	seq              INTEGER NOT NULL,
	created_at       INTEGER NOT NULL,
	updated_at       INTEGER NOT NULL,
	started_at       INTEGER NOT NULL,
	ended_at         INTEGER NOT NULL CHECK (ended_at <> 0),
	CHECK (started_at <> 0 OR status = 'canceled')
) STRICT, WITHOUT ROWID;
-- With what filters, orders and statistics need, so that a page of a long history reads the rows that it shows and no others.
CREATE INDEX run_history_created ON run_history (job_id, created_at DESC, id, status, warnings, started_at, ended_at);
CREATE INDEX run_history_ended ON run_history (job_id, ended_at, id);
CREATE INDEX run_history_tenant ON run_history (tenant, created_at DESC, id, job_id, status, warnings, started_at, ended_at, owner_id, worker_id);
CREATE UNIQUE INDEX run_history_fire ON run_history (job_id, fire_at) WHERE fire_at IS NOT NULL;

-- +goose StatementBegin
CREATE TRIGGER run_history_final BEFORE UPDATE ON run_history
BEGIN
	SELECT RAISE(ABORT, 'an ended run does not change');
END;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE TRIGGER job_revisions_final BEFORE UPDATE ON job_revisions
BEGIN
	SELECT RAISE(ABORT, 'a revision does not change');
END;
-- +goose StatementEnd

CREATE TABLE run_logs (
	run_id     TEXT    NOT NULL,
	idx        INTEGER NOT NULL,
	seq        INTEGER NOT NULL,
	level      INTEGER NOT NULL CHECK (level BETWEEN 0 AND 3),
	message    TEXT    NOT NULL,
	action_id  TEXT    NOT NULL,
	data       TEXT,
	created_at INTEGER NOT NULL,
	PRIMARY KEY (run_id, idx)
) STRICT, WITHOUT ROWID;

-- Fires whose run exists are rows of runs and run_history; here are all others.
CREATE TABLE fires (
	job_id  TEXT    NOT NULL,
	at      INTEGER NOT NULL,
	until   INTEGER NOT NULL,
	count   INTEGER NOT NULL,
	outcome TEXT    NOT NULL CHECK (outcome IN ('ran', 'skipped', 'coalesced', 'missed', 'withdrawn')),
	reason  TEXT    NOT NULL,
	run_id  TEXT    NOT NULL,
	late_ms INTEGER NOT NULL,
	PRIMARY KEY (job_id, at)
) STRICT, WITHOUT ROWID;

CREATE TABLE job_workers (
	id           TEXT    NOT NULL PRIMARY KEY,
	hostname     TEXT    NOT NULL,
	host_fold    TEXT    NOT NULL,
	pid          INTEGER NOT NULL,
	version      TEXT    NOT NULL,
	status       TEXT    NOT NULL CHECK (status IN ('active', 'draining', 'lost', 'stopped')),
	concurrency  INTEGER NOT NULL,
	job_types    TEXT    NOT NULL,
	action_types TEXT    NOT NULL,
	attachment_types TEXT NOT NULL,
	beat         INTEGER NOT NULL,
	started_at   INTEGER NOT NULL,
	heartbeat_at INTEGER NOT NULL,
	stopped_at   INTEGER NOT NULL,
	CHECK ((status IN ('lost', 'stopped')) = (stopped_at <> 0))
) STRICT, WITHOUT ROWID;
CREATE INDEX job_workers_live ON job_workers (id, beat) WHERE status IN ('active', 'draining');

CREATE TABLE idempotency (
	tenant     TEXT    NOT NULL,
	job_id     TEXT    NOT NULL,
	caller     TEXT    NOT NULL,
	key        TEXT    NOT NULL,
	run_id     TEXT    NOT NULL,
	created_at INTEGER NOT NULL,
	PRIMARY KEY (tenant, job_id, caller, key)
) STRICT, WITHOUT ROWID;
CREATE INDEX idempotency_age ON idempotency (created_at);

CREATE TABLE users (
	tenant        TEXT    NOT NULL,
	id            TEXT    NOT NULL,
	display_name  TEXT    NOT NULL,
	email         TEXT    NOT NULL,
	password_hash TEXT    NOT NULL,
	enabled       INTEGER NOT NULL,
	superuser     INTEGER NOT NULL,
	rights        TEXT    NOT NULL,
	created_at    INTEGER NOT NULL,
	updated_at    INTEGER NOT NULL,
	last_login_at INTEGER NOT NULL,
	PRIMARY KEY (tenant, id)
) STRICT, WITHOUT ROWID;

CREATE TABLE sessions (
	hash       BLOB    NOT NULL PRIMARY KEY,
	tenant     TEXT    NOT NULL,
	user_id    TEXT    NOT NULL,
	created_at INTEGER NOT NULL,
	seen_at    INTEGER NOT NULL,
	expires_at INTEGER NOT NULL,
	FOREIGN KEY (tenant, user_id) REFERENCES users (tenant, id)
) STRICT, WITHOUT ROWID;
CREATE INDEX sessions_user ON sessions (tenant, user_id, created_at);
CREATE INDEX sessions_expiry ON sessions (expires_at);

CREATE TABLE tokens (
	hash         BLOB    NOT NULL PRIMARY KEY,
	id           TEXT    NOT NULL UNIQUE,
	tenant       TEXT    NOT NULL,
	user_id      TEXT    NOT NULL,
	name         TEXT    NOT NULL,
	read_only    INTEGER NOT NULL,
	expires_at   INTEGER NOT NULL,
	created_at   INTEGER NOT NULL,
	last_used_at INTEGER NOT NULL,
	FOREIGN KEY (tenant, user_id) REFERENCES users (tenant, id)
) STRICT, WITHOUT ROWID;
CREATE INDEX tokens_user ON tokens (tenant, user_id, created_at);

PRAGMA user_version = 1;

-- +goose Up
-- Contents of uploads: the bytes are elsewhere, under the key. named: a revision has named them once, so that they can go as soon as none
-- does any more; others may be an upload that is still going on.
CREATE TABLE files (
	key        TEXT    NOT NULL PRIMARY KEY,
	tenant     TEXT    NOT NULL,
	size       INTEGER NOT NULL CHECK (size >= 0),
	named      INTEGER NOT NULL CHECK (named IN (0, 1)),
	created_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX files_tenant ON files (tenant, size);

-- What each revision names; it goes with the revision.
CREATE TABLE revision_files (
	job_id   TEXT    NOT NULL,
	revision INTEGER NOT NULL,
	file_key TEXT    NOT NULL REFERENCES files (key),
	PRIMARY KEY (job_id, revision, file_key),
	FOREIGN KEY (job_id, revision) REFERENCES job_revisions (job_id, revision) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;
CREATE INDEX revision_files_key ON revision_files (file_key);

PRAGMA user_version = 4;

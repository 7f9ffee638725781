-- +goose Up
-- Contents of uploads: the bytes are elsewhere, under the key. named: a revision has named them once, so that they can go as soon as none
-- does any more; others may be an upload that is still going on.
CREATE TABLE carillon.files (
	key        TEXT COLLATE "C" NOT NULL PRIMARY KEY,
	tenant     TEXT COLLATE "C" NOT NULL,
	size       BIGINT           NOT NULL CHECK (size >= 0),
	named      BIGINT           NOT NULL CHECK (named IN (0, 1)),
	created_at BIGINT           NOT NULL
);
CREATE INDEX files_tenant ON carillon.files (tenant, size);

-- What each revision names; it goes with the revision.
CREATE TABLE carillon.revision_files (
	job_id   TEXT COLLATE "C" NOT NULL,
	revision BIGINT           NOT NULL,
	file_key TEXT COLLATE "C" NOT NULL REFERENCES carillon.files (key),
	PRIMARY KEY (job_id, revision, file_key),
	FOREIGN KEY (job_id, revision) REFERENCES carillon.job_revisions (job_id, revision) ON DELETE CASCADE
);
CREATE INDEX revision_files_key ON carillon.revision_files (file_key);

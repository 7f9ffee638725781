-- +goose Up
-- Who did what (R67). fields is a JSON array of names. There is no reference to a job: a row outlives what it tells of.
CREATE TABLE audit (
	id         TEXT    NOT NULL PRIMARY KEY,
	at         INTEGER NOT NULL CHECK (at <> 0),
	tenant     TEXT    NOT NULL,
	actor      TEXT    NOT NULL,
	actor_kind TEXT    NOT NULL CHECK (actor_kind IN ('user', 'system')),
	token_id   TEXT    NOT NULL,
	address    TEXT    NOT NULL,
	request_id TEXT    NOT NULL,
	action     TEXT    NOT NULL CHECK (action <> ''),
	kind       TEXT    NOT NULL,
	object     TEXT    NOT NULL,
	job_id     TEXT    NOT NULL,
	revision   INTEGER NOT NULL,
	fields     TEXT    NOT NULL CHECK (json_type(fields) = 'array'),
	result     TEXT    NOT NULL CHECK (result IN ('ok', 'denied'))
) STRICT, WITHOUT ROWID;
CREATE INDEX audit_tenant ON audit (tenant, at DESC, id DESC);
CREATE INDEX audit_job ON audit (job_id, at DESC, id DESC) WHERE job_id <> '';
CREATE INDEX audit_age ON audit (at);

-- +goose StatementBegin
CREATE TRIGGER audit_final BEFORE UPDATE ON audit
BEGIN
	SELECT RAISE(ABORT, 'an audit row does not change');
END;
-- +goose StatementEnd

PRAGMA user_version = 3;

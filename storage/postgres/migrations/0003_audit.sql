-- +goose Up
-- Who did what (R67). fields is a JSON array of names. There is no reference to a job: a row outlives what it tells of.
CREATE TABLE carillon.audit (
	id         TEXT COLLATE "C" NOT NULL PRIMARY KEY,
	at         BIGINT           NOT NULL CHECK (at <> 0),
	tenant     TEXT COLLATE "C" NOT NULL,
	actor      TEXT COLLATE "C" NOT NULL,
	actor_kind TEXT COLLATE "C" NOT NULL CHECK (actor_kind IN ('user', 'system')),
	token_id   TEXT COLLATE "C" NOT NULL,
	address    TEXT COLLATE "C" NOT NULL,
	request_id TEXT COLLATE "C" NOT NULL,
	action     TEXT COLLATE "C" NOT NULL CHECK (action <> ''),
	kind       TEXT COLLATE "C" NOT NULL,
	object     TEXT COLLATE "C" NOT NULL,
	job_id     TEXT COLLATE "C" NOT NULL,
	revision   BIGINT           NOT NULL,
	fields     TEXT COLLATE "C" NOT NULL CHECK (json_typeof(CAST(fields AS JSON)) = 'array'),
	result     TEXT COLLATE "C" NOT NULL CHECK (result IN ('ok', 'denied'))
);
CREATE INDEX audit_tenant ON carillon.audit (tenant, at DESC, id DESC);
CREATE INDEX audit_job ON carillon.audit (job_id, at DESC, id DESC) WHERE job_id <> '';
CREATE INDEX audit_age ON carillon.audit (at);

CREATE TRIGGER audit_final BEFORE UPDATE ON carillon.audit FOR EACH ROW EXECUTE FUNCTION carillon.final('an audit row does not change');

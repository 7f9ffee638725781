-- +goose Up

-- How many runs of each revision of a job have ended in each way, so that the totals of its history cost no walk, nor does it to find out that
-- no run of a revision is kept. No row is none.
CREATE TABLE run_totals (
	job_id   TEXT    NOT NULL,
	revision INTEGER NOT NULL,
	status   TEXT    NOT NULL CHECK (status IN ('success', 'warning', 'error', 'canceled')),
	ended    INTEGER NOT NULL CHECK (ended >= 0),
	PRIMARY KEY (job_id, revision, status)
) STRICT, WITHOUT ROWID;

INSERT INTO run_totals (job_id, revision, status, ended)
SELECT job_id, revision, status, count(*)
FROM   run_history
GROUP  BY job_id, revision, status;

PRAGMA user_version = 2;

-- +goose Up

-- How many runs of each job have ended in each way, so that the totals of its history cost no walk. No row is none.
CREATE TABLE run_totals (
	job_id TEXT    NOT NULL,
	status TEXT    NOT NULL CHECK (status IN ('success', 'warning', 'error', 'canceled')),
	ended  INTEGER NOT NULL,
	PRIMARY KEY (job_id, status)
) STRICT, WITHOUT ROWID;

INSERT INTO run_totals (job_id, status, ended)
SELECT job_id, status, count(*)
FROM   run_history
GROUP  BY job_id, status;

PRAGMA user_version = 2;

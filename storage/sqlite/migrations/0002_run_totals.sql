-- +goose Up

-- How many ended runs each job has, so that the total of its history costs no walk. No row is none.
CREATE TABLE run_totals (
	job_id TEXT    NOT NULL PRIMARY KEY,
	ended  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

INSERT INTO run_totals (job_id, ended)
SELECT job_id, count(*)
FROM   run_history
GROUP  BY job_id;

PRAGMA user_version = 2;

-- +goose Up

-- The run of each job that ended last: lists show it, filter by its status and sort by its end.
CREATE TABLE last_runs (
	job_id     TEXT    NOT NULL PRIMARY KEY,
	run_id     TEXT    NOT NULL,
	status     TEXT    NOT NULL CHECK (status IN ('success', 'warning', 'error', 'canceled')),
	warnings   INTEGER NOT NULL CHECK (warnings IN (0, 1)),
	started_at INTEGER NOT NULL,
	ended_at   INTEGER NOT NULL CHECK (ended_at <> 0)
) STRICT, WITHOUT ROWID;

INSERT INTO last_runs (job_id, run_id, status, warnings, started_at, ended_at)
SELECT job_id, id, status, warnings, started_at, ended_at
FROM   (SELECT *, row_number() OVER (PARTITION BY job_id ORDER BY ended_at DESC, id DESC) AS place FROM run_history)
WHERE  place = 1;

-- With state and start, so that the last states and the usual duration of a job are read from the index alone.
DROP INDEX run_history_ended;
CREATE INDEX run_history_ended ON run_history (job_id, ended_at, id, status, started_at);

-- What has changed, one row for each commit that changed something that lists show; old rows are removed. The newest row stays, so numbers grow.
CREATE TABLE changes (
	seq      INTEGER NOT NULL PRIMARY KEY,
	document TEXT    NOT NULL
) STRICT;

PRAGMA user_version = 7;

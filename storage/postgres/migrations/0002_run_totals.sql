-- +goose Up

-- How many runs of each revision of a job have ended in each way, so that the totals of its history cost no walk, nor does it to find out that
-- no run of a revision is kept. No row is none.
CREATE TABLE carillon.run_totals (
	job_id   TEXT COLLATE "C" NOT NULL,
	revision BIGINT           NOT NULL,
	status   TEXT COLLATE "C" NOT NULL CHECK (status IN ('success', 'warning', 'error', 'canceled')),
	ended    BIGINT           NOT NULL CHECK (ended >= 0),
	PRIMARY KEY (job_id, revision, status)
);

INSERT INTO carillon.run_totals (job_id, revision, status, ended)
SELECT job_id, revision, status, count(*)
FROM   carillon.run_history
GROUP  BY job_id, revision, status;

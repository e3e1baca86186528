-- The checks from $2 to before $3 wait.
INSERT INTO ready (account, priority, ready_at, job_id, environment, fence, attempts, expires_at)
SELECT account, 100, created_at, id, environment, 0, 0, expires_at
FROM jobs
WHERE account = $1 AND id >= $2 AND id < $3 AND ended_state IS NULL

DELETE FROM ready
WHERE (account, priority, ready_at, job_id) IN (
    SELECT account, priority, ready_at, job_id FROM ready WHERE expires_at <= $1 ORDER BY expires_at LIMIT $2)
RETURNING account, job_id, fence

DELETE FROM delayed
WHERE (account, job_id) IN (
    SELECT account, job_id FROM delayed WHERE due_at <= $1 ORDER BY due_at LIMIT $2)
RETURNING account, job_id, environment, priority, fence, attempts, expires_at

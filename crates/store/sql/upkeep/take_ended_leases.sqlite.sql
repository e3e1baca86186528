DELETE FROM leased
WHERE (account, job_id) IN (
    SELECT account, job_id FROM leased WHERE lease_ends_at <= $1 ORDER BY lease_ends_at LIMIT $2)
RETURNING account, job_id, environment, priority, fence, attempts, expires_at, taken_up

DELETE FROM leased
WHERE account = $1 AND device = $2
RETURNING job_id, environment, priority, fence, attempts, expires_at

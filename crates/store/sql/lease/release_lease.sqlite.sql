DELETE FROM leased
WHERE account = $1 AND job_id = $2 AND fence = $3 AND device = $4
RETURNING job_id, environment, priority, fence, attempts, expires_at

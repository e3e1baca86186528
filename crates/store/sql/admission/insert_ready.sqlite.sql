INSERT INTO ready (account, priority, ready_at, job_id, environment, fence, attempts, expires_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8)

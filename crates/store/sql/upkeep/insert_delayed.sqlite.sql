INSERT INTO delayed (account, job_id, environment, priority, fence, attempts, expires_at, due_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8)

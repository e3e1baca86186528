SELECT id, created_at, expires_at
FROM jobs
WHERE account = $1 AND row_id = $4 AND environment = $2 AND source = $3 AND ended_state IS NULL
ORDER BY account, row_id, id DESC
LIMIT $5

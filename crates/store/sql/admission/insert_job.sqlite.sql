INSERT INTO jobs (account, id, environment, idempotency_key, source, row_id, tracking_url, expected_domain, context, created_at, expires_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)

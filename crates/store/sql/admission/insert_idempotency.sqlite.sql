INSERT INTO idempotency (account, environment, key, job_id, fingerprint)
VALUES ($1, $2, $3, $4, $5)

SELECT job_id, fingerprint
FROM idempotency
WHERE account = $1 AND environment = $2 AND key = $3

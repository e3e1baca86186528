-- Of this job only: the same key may name a newer one by now.
DELETE FROM idempotency WHERE account = $1 AND environment = $2 AND key = $3 AND job_id = $4

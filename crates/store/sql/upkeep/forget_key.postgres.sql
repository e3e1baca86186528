-- Of this job only: the same key may name a newer one by now.
DELETE FROM idempotency i
USING unnest($1::bytea[], $2::bigint[], $3::text[], $4::bytea[]) AS k (account, environment, key, job_id)
WHERE i.account = k.account AND i.environment = k.environment AND i.key = k.key AND i.job_id = k.job_id

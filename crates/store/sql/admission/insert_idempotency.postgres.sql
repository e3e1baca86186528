INSERT INTO idempotency (account, environment, key, job_id, fingerprint)
SELECT * FROM unnest($1::bytea[], $2::bigint[], $3::text[], $4::bytea[], $5::bytea[])

INSERT INTO ready (account, priority, ready_at, job_id, environment, fence, attempts, expires_at)
SELECT * FROM unnest($1::bytea[], $2::bigint[], $3::bigint[], $4::bytea[], $5::bigint[], $6::bigint[], $7::bigint[], $8::bigint[])

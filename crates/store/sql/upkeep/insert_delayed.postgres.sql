INSERT INTO delayed (account, job_id, environment, priority, fence, attempts, expires_at, due_at)
SELECT * FROM unnest($1::bytea[], $2::bytea[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[], $7::bigint[], $8::bigint[])

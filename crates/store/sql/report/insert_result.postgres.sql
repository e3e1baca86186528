INSERT INTO results (account, job_id, result)
SELECT * FROM unnest($1::bytea[], $2::bytea[], $3::text[])

DELETE FROM results r
USING unnest($1::bytea[], $2::bytea[]) AS k (account, job_id)
WHERE r.account = k.account AND r.job_id = k.job_id

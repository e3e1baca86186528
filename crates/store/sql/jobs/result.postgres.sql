SELECT k.n - 1, r.result
FROM unnest($1::bytea[], $2::bytea[]) WITH ORDINALITY AS k (account, job_id, n)
JOIN results r ON r.account = k.account AND r.job_id = k.job_id

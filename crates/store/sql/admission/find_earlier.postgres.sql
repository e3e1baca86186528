SELECT k.n - 1, i.job_id, i.fingerprint
FROM unnest($1::bytea[], $2::bigint[], $3::text[]) WITH ORDINALITY AS k (account, environment, key, n)
JOIN idempotency i ON i.account = k.account AND i.environment = k.environment AND i.key = k.key

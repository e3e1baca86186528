SELECT k.n - 1, j.id, j.environment, j.source, j.row_id, j.tracking_url, j.created_at, j.expires_at, j.ended_state, l.job_id, r.result
FROM unnest($1::bytea[], $2::bytea[], $3::bigint[]) WITH ORDINALITY AS k (account, id, environment, n)
JOIN jobs j ON j.account = k.account AND j.id = k.id AND j.environment = k.environment
LEFT JOIN leased l ON l.account = j.account AND l.job_id = j.id
LEFT JOIN results r ON r.account = j.account AND r.job_id = j.id

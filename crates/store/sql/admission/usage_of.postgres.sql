SELECT k.n - 1, u.used
FROM unnest($1::bytea[], $2::bigint[], $3::bigint[]) WITH ORDINALITY AS k (account, environment, month, n)
JOIN usage u ON u.account = k.account AND u.environment = k.environment AND u.month = k.month

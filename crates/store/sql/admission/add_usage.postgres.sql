INSERT INTO usage (account, environment, month, used)
SELECT * FROM unnest($1::bytea[], $2::bigint[], $3::bigint[], $4::bigint[])
ON CONFLICT (account, environment, month) DO UPDATE SET used = usage.used + excluded.used

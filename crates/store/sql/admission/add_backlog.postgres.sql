INSERT INTO backlog (account, waiting)
SELECT * FROM unnest($1::bytea[], $2::bigint[])
ON CONFLICT (account) DO UPDATE SET waiting = backlog.waiting + excluded.waiting

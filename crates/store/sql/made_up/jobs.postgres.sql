-- Checks of account $1 with the numbers from $2 to before $3, over $4 rows in turn, the first at $5, $6 microseconds
-- apart. Those before number $7 have ended, by device $8.
INSERT INTO jobs (account, id, environment, idempotency_key, source, row_id, tracking_url, created_at, expires_at,
                  ended_state, ended_at, conclusion, ended_fence, ended_by)
SELECT $1::bytea, decode(lpad(to_hex(at), 12, '0') || lpad(to_hex(n), 20, '0'), 'hex'), 0, 'made-up-' || n,
       CASE row % 4 WHEN 0 THEN 'csv' WHEN 1 THEN 'google_sheets' ELSE 'platform_api' END, 'offer-' || lpad(row::text, 7, '0'),
       'https://trk.example/click?offer=' || row || '&sub=0123456789abcdef', at, at + 86400000,
       CASE WHEN n < $7::bigint THEN 2 END, CASE WHEN n < $7::bigint THEN at + 4000 END,
       CASE WHEN n >= $7::bigint THEN NULL WHEN n % 997 = 0 THEN 'dns_failed' WHEN row * 7919 % 100 < 3 THEN 'http_gone'
            WHEN row * 7919 % 100 < 5 THEN 'drifted' WHEN row * 7919 % 100 < 8 THEN 'timed_out' ELSE 'valid' END,
       CASE WHEN n < $7::bigint THEN 1 END, CASE WHEN n < $7::bigint THEN $8::bytea END
FROM (SELECT n, n % $4::bigint AS row, $5::bigint + n * $6::bigint / 1000 AS at FROM generate_series($2::bigint, $3::bigint - 1) n) p

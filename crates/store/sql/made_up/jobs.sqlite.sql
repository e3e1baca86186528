-- Checks of account $1 with the numbers from $2 to before $3, over $4 rows in turn, the first at $5, $6 microseconds
-- apart. Those before number $7 have ended, by device $8.
INSERT INTO jobs (account, id, environment, idempotency_key, source, row_id, tracking_url, created_at, expires_at,
                  ended_state, ended_at, conclusion, ended_fence, ended_by)
SELECT $1, unhex(printf('%012x%020x', at, n)), 0, 'made-up-' || n,
       CASE row % 4 WHEN 0 THEN 'csv' WHEN 1 THEN 'google_sheets' ELSE 'platform_api' END, printf('offer-%07d', row),
       'https://trk.example/click?offer=' || row || '&sub=0123456789abcdef', at, at + 86400000,
       CASE WHEN n < $7 THEN 2 END, CASE WHEN n < $7 THEN at + 4000 END,
       CASE WHEN n >= $7 THEN NULL WHEN n % 997 = 0 THEN 'dns_failed' WHEN row * 7919 % 100 < 3 THEN 'http_gone'
            WHEN row * 7919 % 100 < 5 THEN 'drifted' WHEN row * 7919 % 100 < 8 THEN 'timed_out' ELSE 'valid' END,
       CASE WHEN n < $7 THEN 1 END, CASE WHEN n < $7 THEN $8 END
FROM (WITH RECURSIVE n(n) AS (SELECT $2 UNION ALL SELECT n + 1 FROM n WHERE n + 1 < $3)
      SELECT n, n % $4 AS row, $5 + n * $6 / 1000 AS at FROM n) p

-- As on SQLite, plus the row lock: another relay takes the jobs behind these. An account stands in a batch once, or its jobs
-- would be found twice. By their places, as report/end_lease says.
WITH taken AS MATERIALIZED (
    SELECT k.n, w.*, j.tracking_url, j.expected_domain, j.context, j.expectation
    FROM unnest($1::bytea[], $2::bigint[], $3::bigint[]) WITH ORDINALITY AS k (account, now, most, n)
    CROSS JOIN LATERAL (SELECT ctid AS place, job_id, priority, ready_at, environment, fence, attempts, expires_at
                        FROM ready
                        WHERE account = k.account AND expires_at > k.now
                        ORDER BY account, priority, ready_at, job_id
                        LIMIT k.most
                        FOR UPDATE SKIP LOCKED) w
    LEFT JOIN LATERAL (SELECT tracking_url, expected_domain, context, expectation FROM jobs WHERE account = k.account AND id = w.job_id LIMIT 1) j
           ON true),
gone AS (DELETE FROM ready WHERE ctid = ANY (ARRAY(SELECT place FROM taken)))
SELECT n - 1, job_id, priority, ready_at, environment, fence, attempts, expires_at, tracking_url, expected_domain, context,
       expectation
FROM taken

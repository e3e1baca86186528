-- As on SQLite, plus the row lock: another relay takes the jobs behind these. An account stands in a batch once, or its jobs
-- would be found twice. By their places, as report/end_lease says. From behind a place: what was taken before it is still in the
-- index until it is vacuumed, and would be walked over.
WITH taken AS MATERIALIZED (
    SELECT k.n, w.*, j.tracking_url, j.expected_domain, j.context, j.expectation, j.source, j.row_id
    FROM unnest($1::bytea[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bytea[]) WITH ORDINALITY
         AS k (account, now, most, behind_priority, behind_time, behind_job, n)
    CROSS JOIN LATERAL (SELECT ctid AS place, job_id, priority, ready_at, environment, fence, attempts, expires_at
                        FROM ready
                        WHERE account = k.account AND expires_at > k.now
                          AND (priority, ready_at, job_id) > (k.behind_priority, k.behind_time, k.behind_job)
                        ORDER BY account, priority, ready_at, job_id
                        LIMIT k.most
                        FOR UPDATE SKIP LOCKED) w
    LEFT JOIN LATERAL (SELECT tracking_url, expected_domain, context, expectation, source, row_id FROM jobs WHERE account = k.account AND id = w.job_id LIMIT 1) j
           ON true),
gone AS (DELETE FROM ready WHERE ctid = ANY (ARRAY(SELECT place FROM taken)))
SELECT n - 1, job_id, priority, ready_at, environment, fence, attempts, expires_at, tracking_url, expected_domain, context,
       expectation, source, row_id
FROM taken

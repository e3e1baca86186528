-- By their places, as report/end_lease says.
WITH held AS MATERIALIZED (
    SELECT k.n, l.*
    FROM unnest($1::bytea[], $2::bytea[], $3::bigint[], $4::bytea[]) WITH ORDINALITY AS k (account, job_id, fence, device, n)
    CROSS JOIN LATERAL (SELECT ctid AS place, device, job_id, environment, priority, fence, attempts, expires_at
                        FROM leased
                        WHERE account = k.account AND job_id = k.job_id
                        LIMIT 1
                        FOR UPDATE) l
    WHERE l.fence = k.fence AND l.device = k.device),
released AS (DELETE FROM leased WHERE ctid = ANY (ARRAY(SELECT place FROM held)))
SELECT n - 1, job_id, environment, priority, fence, attempts, expires_at FROM held

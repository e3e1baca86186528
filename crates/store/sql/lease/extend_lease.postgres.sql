-- Never past the deadline: the relay then concludes the job itself. All of a batch until the same moment: its pulls came
-- within milliseconds. By their places, as report/end_lease says.
WITH held AS MATERIALIZED (
    SELECT k.n, l.place
    FROM unnest($1::bytea[], $2::bytea[], $3::bigint[], $4::bytea[]) WITH ORDINALITY AS k (account, job_id, fence, device, n)
    CROSS JOIN LATERAL (SELECT ctid AS place, fence, device
                        FROM leased
                        WHERE account = k.account AND job_id = k.job_id
                        LIMIT 1
                        FOR NO KEY UPDATE) l
    WHERE l.fence = k.fence AND l.device = k.device),
extended AS (
    UPDATE leased
    SET lease_ends_at = least((SELECT max(until) FROM unnest($5::bigint[]) AS until), expires_at), taken_up = 1
    WHERE ctid = ANY (ARRAY(SELECT place FROM held)))
SELECT n - 1 FROM held

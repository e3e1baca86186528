-- By their places, as report/end_lease says.
DELETE FROM delayed
WHERE ctid = ANY (ARRAY(
    SELECT ctid
    FROM delayed
    WHERE due_at <= $1
    ORDER BY due_at
    LIMIT $2
    FOR UPDATE SKIP LOCKED))
RETURNING account, job_id, environment, priority, fence, attempts, expires_at

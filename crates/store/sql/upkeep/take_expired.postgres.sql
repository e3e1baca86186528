-- By their places, as report/end_lease says.
DELETE FROM ready
WHERE ctid = ANY (ARRAY(
    SELECT ctid
    FROM ready
    WHERE expires_at <= $1
    ORDER BY expires_at
    LIMIT $2
    FOR UPDATE SKIP LOCKED))
RETURNING account, job_id, fence

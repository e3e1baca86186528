-- By their places, as report/end_lease says.
DELETE FROM leased
WHERE ctid = ANY (ARRAY(
    SELECT ctid
    FROM leased
    WHERE lease_ends_at <= $1
    ORDER BY lease_ends_at
    LIMIT $2
    FOR UPDATE SKIP LOCKED))
RETURNING account, job_id, environment, priority, fence, attempts, expires_at, taken_up

-- By job, fence and device alone: a report that comes after the lease has run out still counts until upkeep has taken
-- the lease back. Found one by one and deleted by their places: a join with a table that is nearly empty whenever the
-- server plans would walk over all of it once it is not.
WITH held AS MATERIALIZED (
    SELECT k.n, l.place, l.environment, l.source, l.row_id, l.checked_hash, l.context
    FROM unnest($1::bytea[], $2::bytea[], $3::bigint[], $4::bytea[]) WITH ORDINALITY AS k (account, job_id, fence, device, n)
    CROSS JOIN LATERAL (SELECT ctid AS place, fence, device, environment, source, row_id, checked_hash, context
                        FROM leased
                        WHERE account = k.account AND job_id = k.job_id
                        LIMIT 1
                        FOR UPDATE) l
    WHERE l.fence = k.fence AND l.device = k.device),
ended AS (DELETE FROM leased WHERE ctid = ANY (ARRAY(SELECT place FROM held)))
SELECT n - 1, environment, source, row_id, checked_hash, context FROM held

-- By job, fence and device alone: a report that comes after the lease has run out still counts until upkeep has taken
-- the lease back.
DELETE FROM leased l
USING unnest($1::bytea[], $2::bytea[], $3::bigint[], $4::bytea[]) WITH ORDINALITY AS k (account, job_id, fence, device, n)
WHERE l.account = k.account AND l.job_id = k.job_id AND l.fence = k.fence AND l.device = k.device
RETURNING k.n - 1, l.job_id

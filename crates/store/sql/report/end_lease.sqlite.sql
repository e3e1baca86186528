-- By job, fence and device alone: a report that comes after the lease has run out still counts until upkeep has taken
-- the lease back.
DELETE FROM leased
WHERE account = $1 AND job_id = $2 AND fence = $3 AND device = $4
RETURNING environment, source, row_id, checked_hash, context

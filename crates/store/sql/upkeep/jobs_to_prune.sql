-- Oldest first, over the key alone: ids are ordered by time.
SELECT id, environment, idempotency_key, ended_state
FROM jobs
WHERE account = $1 AND id > $2 AND id <= $3
ORDER BY account, id
LIMIT $4

-- SQLite needs no row lock: the writer is alone. A device that was revoked while its pull waited gets nothing.
DELETE FROM ready
WHERE (account, priority, ready_at, job_id) IN (
    SELECT account, priority, ready_at, job_id
    FROM ready
    WHERE account = $1 AND expires_at > $2
      AND EXISTS (SELECT 1 FROM devices WHERE account = $1 AND id = $4 AND revoked_at IS NULL)
    ORDER BY priority, ready_at, job_id
    LIMIT $3)
RETURNING job_id, priority, ready_at, environment, fence, attempts, expires_at

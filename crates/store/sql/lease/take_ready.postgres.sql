-- As on SQLite, plus the row lock: another relay takes the jobs behind these. A device that is revoked in this very moment
-- may still get jobs; it cannot take them up, so they go to another one in seconds.
DELETE FROM ready r
USING (SELECT account, priority, ready_at, job_id
       FROM ready
       WHERE account = $1 AND expires_at > $2
         AND EXISTS (SELECT 1 FROM devices WHERE account = $1 AND id = $4 AND revoked_at IS NULL)
       ORDER BY account, priority, ready_at, job_id
       LIMIT $3
       FOR UPDATE SKIP LOCKED) p
WHERE r.account = p.account AND r.priority = p.priority AND r.ready_at = p.ready_at AND r.job_id = p.job_id
RETURNING r.job_id, r.priority, r.ready_at, r.environment, r.fence, r.attempts, r.expires_at

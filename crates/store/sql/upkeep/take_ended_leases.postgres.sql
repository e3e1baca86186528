DELETE FROM leased l
USING (SELECT account, job_id
       FROM leased
       WHERE lease_ends_at <= $1
       ORDER BY lease_ends_at
       LIMIT $2
       FOR UPDATE SKIP LOCKED) p
WHERE l.account = p.account AND l.job_id = p.job_id
RETURNING l.account, l.job_id, l.environment, l.priority, l.fence, l.attempts, l.expires_at, l.taken_up

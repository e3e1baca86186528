DELETE FROM ready r
USING (SELECT account, priority, ready_at, job_id
       FROM ready
       WHERE expires_at <= $1
       ORDER BY expires_at
       LIMIT $2
       FOR UPDATE SKIP LOCKED) p
WHERE r.account = p.account AND r.priority = p.priority AND r.ready_at = p.ready_at AND r.job_id = p.job_id
RETURNING r.account, r.job_id, r.fence

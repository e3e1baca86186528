DELETE FROM delayed d
USING (SELECT account, job_id
       FROM delayed
       WHERE due_at <= $1
       ORDER BY due_at
       LIMIT $2
       FOR UPDATE SKIP LOCKED) p
WHERE d.account = p.account AND d.job_id = p.job_id
RETURNING d.account, d.job_id, d.environment, d.priority, d.fence, d.attempts, d.expires_at

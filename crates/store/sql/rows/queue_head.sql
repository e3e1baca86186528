-- What a desktop would get next, and how many jobs wait behind it.
SELECT (SELECT waiting FROM backlog WHERE account = $1),
       (SELECT count(*) FROM (SELECT 1 FROM leased WHERE account = $1 LIMIT $2) p),
       (SELECT job_id FROM ready WHERE account = $1 ORDER BY account, priority, ready_at, job_id LIMIT 1)

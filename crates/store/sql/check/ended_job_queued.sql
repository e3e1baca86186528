-- CROSS JOIN: SQLite then begins with the queue, which is small beside the jobs.
SELECT count(*)
FROM (SELECT account, job_id FROM ready
      UNION ALL SELECT account, job_id FROM delayed
      UNION ALL SELECT account, job_id FROM leased) q
CROSS JOIN jobs j
WHERE j.account = q.account AND j.id = q.job_id
  AND j.ended_state IS NOT NULL

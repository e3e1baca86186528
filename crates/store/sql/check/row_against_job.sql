-- CROSS JOIN: SQLite then begins with the rows, of which there are fewer.
SELECT count(*)
FROM rows r
CROSS JOIN jobs j
WHERE j.account = r.account AND j.id = r.job_id
  AND j.ended_state = 2 AND (r.conclusion IS NULL OR r.conclusion <> j.conclusion)

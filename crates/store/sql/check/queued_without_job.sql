SELECT count(*)
FROM (SELECT account, job_id FROM ready
      UNION ALL SELECT account, job_id FROM delayed
      UNION ALL SELECT account, job_id FROM leased) q
LEFT JOIN jobs j ON j.account = q.account AND j.id = q.job_id
WHERE j.id IS NULL

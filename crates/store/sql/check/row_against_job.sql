SELECT count(*)
FROM rows r
JOIN jobs j ON j.account = r.account AND j.id = r.job_id
WHERE j.ended_state = 2 AND (r.conclusion IS NULL OR r.conclusion <> j.conclusion)

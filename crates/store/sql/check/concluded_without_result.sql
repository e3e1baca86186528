SELECT count(*)
FROM jobs j
LEFT JOIN results r ON r.account = j.account AND r.job_id = j.id
WHERE j.ended_state = 2 AND r.job_id IS NULL

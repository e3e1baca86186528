SELECT count(*)
FROM results r
LEFT JOIN jobs j ON j.account = r.account AND j.id = r.job_id
WHERE j.id IS NULL OR j.ended_state IS NULL OR j.ended_state <> 2

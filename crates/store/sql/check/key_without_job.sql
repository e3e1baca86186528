SELECT count(*)
FROM idempotency i
LEFT JOIN jobs j ON j.account = i.account AND j.id = i.job_id
WHERE j.id IS NULL

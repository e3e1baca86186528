-- A row outlives its job; only a job that pruning has not reached must be there.
SELECT count(*)
FROM rows r
LEFT JOIN jobs j ON j.account = r.account AND j.id = r.job_id
LEFT JOIN pruned p ON p.account = r.account
WHERE j.id IS NULL AND (p.account IS NULL OR r.job_id > p.jobs_through)

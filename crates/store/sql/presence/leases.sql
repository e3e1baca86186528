-- What is leased now, the oldest first; the page shows what each device is doing.
SELECT p.job_id, p.device, p.attempts, p.lease_ends_at, j.source, j.row_id, j.tracking_url, j.environment
FROM (SELECT * FROM leased WHERE account = $1 ORDER BY account, job_id LIMIT $2) p
JOIN jobs j ON j.account = p.account AND j.id = p.job_id
ORDER BY p.job_id

-- The newest job may have been pruned: its context is then forgotten.
SELECT r.tracking_url, r.job_id, j.context, CASE WHEN j.id IS NOT NULL AND j.ended_state IS NULL THEN 1 ELSE 0 END
FROM rows r
LEFT JOIN jobs j ON j.account = r.account AND j.id = r.job_id
WHERE r.account = $1 AND r.environment = $2 AND r.source = $3 AND r.row_id = $4

SELECT j.id, j.environment, j.source, j.row_id, j.tracking_url, j.created_at, j.expires_at, j.ended_state, l.job_id, r.result
FROM jobs j
LEFT JOIN leased l ON l.account = j.account AND l.job_id = j.id
LEFT JOIN results r ON r.account = j.account AND r.job_id = j.id
WHERE j.account = $1 AND j.id = $2 AND j.environment = $3

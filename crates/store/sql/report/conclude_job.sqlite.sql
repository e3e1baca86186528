UPDATE jobs
SET ended_state = $3, ended_at = $4, conclusion = $5, ended_fence = $6, ended_by = $7
WHERE account = $1 AND id = $2 AND ended_state IS NULL

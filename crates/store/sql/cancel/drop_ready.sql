-- The deadline leads to the entry by the index that exists anyway.
DELETE FROM ready
WHERE expires_at = $3 AND account = $1 AND job_id = $2
RETURNING job_id

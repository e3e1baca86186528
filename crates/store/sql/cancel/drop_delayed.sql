DELETE FROM delayed WHERE account = $1 AND job_id = $2 RETURNING job_id

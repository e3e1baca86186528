DELETE FROM results WHERE account = $1 AND job_id = $2

INSERT INTO results (account, job_id, result) VALUES ($1, $2, $3)

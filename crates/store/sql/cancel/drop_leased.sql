DELETE FROM leased WHERE account = $1 AND job_id = $2 RETURNING fence, device

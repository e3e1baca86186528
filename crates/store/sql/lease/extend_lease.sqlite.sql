-- Never past the deadline: the relay then concludes the job itself.
UPDATE leased
SET lease_ends_at = min($5, expires_at), taken_up = 1
WHERE account = $1 AND job_id = $2 AND fence = $3 AND device = $4

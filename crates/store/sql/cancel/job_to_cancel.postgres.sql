-- Without a lock: the entry in the queue comes first, and a lock on the job before it would meet a report's the other
-- way round.
SELECT environment, created_at, expires_at, ended_state FROM jobs WHERE account = $1 AND id = $2 AND environment = $3

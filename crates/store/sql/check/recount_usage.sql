-- The month as a range of ids: a job's id holds the time of its admission.
UPDATE usage
SET used = (SELECT count(*)
            FROM jobs
            WHERE account = $1 AND id >= $4 AND id < $5 AND environment = $2
              AND CASE WHEN ended_state = 3 AND ended_fence IS NULL THEN 0 ELSE 1 END = 1)
WHERE account = $1 AND environment = $2 AND month = $3

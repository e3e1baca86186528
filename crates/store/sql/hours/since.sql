SELECT hour, conclusion, latency, jobs
FROM concluded_hours
WHERE account = $1 AND environment = $2 AND hour >= $3
ORDER BY account, environment, hour
LIMIT $4

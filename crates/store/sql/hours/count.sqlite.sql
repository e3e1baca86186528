INSERT INTO concluded_hours (account, environment, hour, conclusion, latency, jobs)
VALUES ($1, $2, $3, $4, $5, $6)
ON CONFLICT (account, environment, hour, conclusion, latency) DO UPDATE SET jobs = concluded_hours.jobs + excluded.jobs

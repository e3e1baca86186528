INSERT INTO concluded_hours (account, environment, hour, conclusion, latency, jobs) VALUES ($1, 0, $2, $3, $4, $5) ON CONFLICT DO NOTHING

INSERT INTO concluded_hours (account, environment, hour, conclusion, latency, jobs)
SELECT * FROM unnest($1::bytea[], $2::bigint[], $3::bigint[], $4::text[], $5::bigint[], $6::bigint[])
ON CONFLICT (account, environment, hour, conclusion, latency) DO UPDATE SET jobs = concluded_hours.jobs + excluded.jobs

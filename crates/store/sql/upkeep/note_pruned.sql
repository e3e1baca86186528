INSERT INTO pruned (account, keys_through, jobs_through)
VALUES ($1, $2, $3)
ON CONFLICT (account) DO UPDATE SET keys_through = excluded.keys_through, jobs_through = excluded.jobs_through

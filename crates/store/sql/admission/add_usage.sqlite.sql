INSERT INTO usage (account, environment, month, used)
VALUES ($1, $2, $3, $4)
ON CONFLICT (account, environment, month) DO UPDATE SET used = usage.used + excluded.used

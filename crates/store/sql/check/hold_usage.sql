-- Takes the counter's row lock, so that what is counted next cannot change behind it.
INSERT INTO usage (account, environment, month, used) VALUES ($1, $2, $3, 0)
ON CONFLICT (account, environment, month) DO UPDATE SET used = usage.used

-- Takes the counter's row lock, so that what is counted next cannot change behind it.
INSERT INTO backlog (account, waiting) VALUES ($1, 0)
ON CONFLICT (account) DO UPDATE SET waiting = backlog.waiting

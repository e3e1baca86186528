INSERT INTO backlog (account, waiting) VALUES ($1, $2) ON CONFLICT (account) DO UPDATE SET waiting = backlog.waiting + excluded.waiting

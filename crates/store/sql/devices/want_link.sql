-- Asked for again, it waits anew; what a desktop has told stays.
INSERT INTO wanted_links (user_code, expires_at)
VALUES ($1, $2)
ON CONFLICT (user_code) DO UPDATE SET expires_at = excluded.expires_at

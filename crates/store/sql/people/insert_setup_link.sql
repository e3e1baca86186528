INSERT INTO setup_links (account, token_hash, expires_at)
VALUES ($1, $2, $3)

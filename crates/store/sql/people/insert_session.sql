INSERT INTO sessions (token_hash, id, operator, created_at, last_seen_at, address, user_agent)
VALUES ($1, $2, $3, $4, $4, $5, $6)

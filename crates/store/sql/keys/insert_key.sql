INSERT INTO api_keys (account, key_id, environment, label, sealed_secret, created_at)
VALUES ($1, $2, $3, $4, $5, $6)
ON CONFLICT (key_id) DO NOTHING
RETURNING key_id

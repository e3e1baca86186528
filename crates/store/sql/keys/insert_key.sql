INSERT INTO api_keys (account, key_id, environment, label, sealed_secret, created_at, scopes, addresses, expires_at, made_by)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
ON CONFLICT (key_id) DO NOTHING
RETURNING account, key_id, environment, label, created_at, revoked_at, scopes, addresses, expires_at, made_by, last_used_at, rotation, previous_ends_at

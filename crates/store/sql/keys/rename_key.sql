UPDATE api_keys SET label = $3
WHERE account = $1 AND key_id = $2
RETURNING account, key_id, environment, label, created_at, revoked_at, scopes, addresses, expires_at, made_by, last_used_at, rotation, previous_ends_at

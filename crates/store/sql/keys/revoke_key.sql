-- What it signed with goes at once: nothing needs it any more, and nobody can lose it. $4 is empty.
UPDATE api_keys SET revoked_at = coalesce(revoked_at, $3), sealed_secret = $4, previous_sealed = NULL
WHERE account = $1 AND key_id = $2
RETURNING account, key_id, environment, label, created_at, revoked_at, scopes, addresses, expires_at, made_by, last_used_at, rotation, previous_ends_at

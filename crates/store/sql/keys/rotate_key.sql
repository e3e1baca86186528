-- $5: the old secret while it signs on; null: it stops now. Not where somebody else was quicker: what was read must still be there.
UPDATE api_keys SET sealed_secret = $3, rotation = $4, previous_sealed = $5, previous_ends_at = $6
WHERE account = $1 AND key_id = $2 AND rotation = $7 AND sealed_secret = $8 AND revoked_at IS NULL
RETURNING account, key_id, environment, label, created_at, revoked_at, scopes, addresses, expires_at, made_by, last_used_at, rotation, previous_ends_at

SELECT k.account, k.key_id, k.environment, k.label, k.created_at, k.revoked_at, k.scopes, k.addresses, k.expires_at, k.made_by,
       k.last_used_at, k.rotation, k.previous_ends_at, k.sealed_secret
FROM api_keys k
WHERE k.account = $1 AND k.key_id = $2

SELECT k.account, k.key_id, k.environment, k.label, k.created_at, k.revoked_at, k.scopes, k.addresses, k.expires_at, k.made_by,
       k.last_used_at, k.rotation, k.previous_ends_at, k.sealed_secret, k.previous_sealed, a.plan
FROM api_keys k JOIN accounts a ON a.id = k.account
WHERE k.revoked_at IS NULL

SELECT k.account, k.key_id, k.environment, k.label, k.sealed_secret, k.created_at, k.revoked_at, a.plan
FROM api_keys k JOIN accounts a ON a.id = k.account
WHERE k.revoked_at IS NULL

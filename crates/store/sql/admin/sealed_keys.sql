SELECT account, key_id, sealed_secret, previous_sealed
FROM api_keys
WHERE (account, key_id) > ($1, $2) AND revoked_at IS NULL
ORDER BY account, key_id
LIMIT $3

-- At most once a minute, however many relays have seen the key.
UPDATE api_keys SET last_used_at = $3
WHERE account = $1 AND key_id = $2 AND (last_used_at IS NULL OR last_used_at <= $3 - 60000)

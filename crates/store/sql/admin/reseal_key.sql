-- Only what still is as it was read: a relay may have rotated or revoked the key meanwhile.
UPDATE api_keys SET sealed_secret = $3, previous_sealed = $4
WHERE account = $1 AND key_id = $2 AND sealed_secret = $5 AND revoked_at IS NULL
RETURNING key_id

-- The code works once: whoever marks it makes the device, in the same transaction. It stays until it runs out.
UPDATE device_links SET device = $3
WHERE device_code_hash = $1 AND expires_at > $2 AND device IS NULL AND coalesce(denied, 0) = 0
RETURNING account, public_key, name, platform

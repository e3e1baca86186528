-- The code works once: whoever deletes it makes the device, in the same transaction.
DELETE FROM device_links
WHERE device_code_hash = $1 AND expires_at > $2
RETURNING account, public_key, name, platform

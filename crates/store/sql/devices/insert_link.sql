-- The same again changes nothing; a row comes back all the same, unless the code stands for another key.
INSERT INTO device_links (account, device_code_hash, public_key, name, platform, expires_at)
VALUES ($1, $2, $3, $4, $5, $6)
ON CONFLICT (device_code_hash) DO UPDATE SET expires_at = device_links.expires_at
WHERE device_links.public_key = excluded.public_key
RETURNING account

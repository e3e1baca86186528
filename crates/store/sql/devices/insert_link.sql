-- The first decision stays; a row comes back all the same, unless the code stands for another key.
INSERT INTO device_links (account, device_code_hash, public_key, name, platform, expires_at, denied)
VALUES ($1, $2, $3, $4, $5, $6, $7)
ON CONFLICT (device_code_hash) DO UPDATE SET expires_at = device_links.expires_at
WHERE device_links.public_key = excluded.public_key
RETURNING account, coalesce(denied, 0)

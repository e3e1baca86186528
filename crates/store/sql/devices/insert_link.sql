INSERT INTO device_links (account, device_code_hash, public_key, name, platform, expires_at)
VALUES ($1, $2, $3, $4, $5, $6)

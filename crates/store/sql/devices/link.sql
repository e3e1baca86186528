SELECT account, device FROM device_links WHERE device_code_hash = $1 AND expires_at > $2 AND coalesce(denied, 0) = 0

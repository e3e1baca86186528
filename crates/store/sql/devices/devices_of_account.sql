SELECT account, id, public_key, name, platform, linked_at, revoked_at FROM devices WHERE account = $1 ORDER BY linked_at, id

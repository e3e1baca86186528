SELECT account, id, public_key, name, platform, linked_at, revoked_at FROM devices WHERE revoked_at IS NULL

SELECT 1 FROM devices WHERE account = $1 AND id = $2 AND revoked_at IS NULL

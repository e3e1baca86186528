UPDATE devices SET name = $3 WHERE account = $1 AND id = $2 AND revoked_at IS NULL RETURNING 1

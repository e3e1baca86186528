UPDATE devices SET revoked_at = $3
WHERE account = $1 AND id = $2 AND revoked_at IS NULL
RETURNING id

-- Whoever revokes the device waits until what it has asked for is done.
SELECT 1::bigint FROM devices WHERE account = $1 AND id = $2 AND revoked_at IS NULL FOR SHARE

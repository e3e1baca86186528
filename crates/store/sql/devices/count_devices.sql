-- Linked desktops, and those whose linking is approved and not used yet, but for the code at hand.
SELECT (SELECT count(*) FROM devices WHERE account = $1 AND revoked_at IS NULL)
    + (SELECT count(*) FROM device_links
       WHERE account = $1 AND expires_at > $2 AND device IS NULL AND coalesce(denied, 0) = 0 AND device_code_hash <> $3)

-- One row always: how the code was decided, if it was, and whether an operator looks for it.
SELECT
    (SELECT coalesce(denied, 0) FROM device_links WHERE device_code_hash = $1 AND expires_at > $3),
    (SELECT count(*) FROM wanted_links WHERE user_code = $2 AND expires_at > $3 AND sealed_code IS NULL)

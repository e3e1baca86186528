-- As note_used.sqlite.sql, for all keys at once.
UPDATE api_keys k SET last_used_at = u.at
FROM unnest($1::bytea[], $2::text[], $3::bigint[]) AS u (account, key_id, at)
WHERE k.account = u.account AND k.key_id = u.key_id AND (k.last_used_at IS NULL OR k.last_used_at <= u.at - 60000)

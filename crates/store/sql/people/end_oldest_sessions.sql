-- All but the newest.
DELETE FROM sessions
WHERE operator = $1
  AND token_hash NOT IN (SELECT token_hash FROM sessions WHERE operator = $1 ORDER BY created_at DESC, id DESC LIMIT $2)

SELECT id, created_at, last_seen_at, address, user_agent
FROM sessions
WHERE operator = $1
ORDER BY created_at DESC, id

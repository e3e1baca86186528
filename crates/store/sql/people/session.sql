SELECT s.id, s.created_at, s.last_seen_at, s.address, s.user_agent, o.id, o.email, o.name, o.created_at
FROM sessions s JOIN operators o ON o.id = s.operator
WHERE s.token_hash = $1

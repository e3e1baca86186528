SELECT id, name, plan, created_at
FROM accounts
WHERE name > $1
ORDER BY name
LIMIT $2

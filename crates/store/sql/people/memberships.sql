SELECT m.account, a.name, m.role
FROM memberships m JOIN accounts a ON a.id = m.account
WHERE m.operator = $1
ORDER BY a.name
LIMIT $2

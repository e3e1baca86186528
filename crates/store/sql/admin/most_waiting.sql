SELECT b.account, a.name, b.waiting
FROM backlog b JOIN accounts a ON a.id = b.account
WHERE b.waiting > 0
ORDER BY b.waiting DESC, b.account
LIMIT $1

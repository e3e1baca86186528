SELECT a.id, p.keys_through, p.jobs_through, a.plan
FROM accounts a LEFT JOIN pruned p ON p.account = a.id
WHERE a.id > $1
ORDER BY a.id
LIMIT $2

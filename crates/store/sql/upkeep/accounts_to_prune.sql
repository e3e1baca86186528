SELECT a.id, p.keys_through, p.jobs_through, a.plan,
       (SELECT s.value FROM account_settings s WHERE s.account = a.id AND s.name = 'retention.days')
FROM accounts a LEFT JOIN pruned p ON p.account = a.id
WHERE a.id > $1
ORDER BY a.id
LIMIT $2

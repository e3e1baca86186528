SELECT a.plan, coalesce(b.waiting, 0)
FROM accounts a LEFT JOIN backlog b ON b.account = a.id
WHERE a.id = $1

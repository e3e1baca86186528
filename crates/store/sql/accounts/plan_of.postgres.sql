SELECT k.n - 1, a.plan
FROM unnest($1::bytea[]) WITH ORDINALITY AS k (account, n)
JOIN accounts a ON a.id = k.account

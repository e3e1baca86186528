-- Apart from the lock: what a statement reads is as old as its snapshot, which it took before it waited.
SELECT k.n - 1, b.waiting
FROM unnest($1::bytea[]) WITH ORDINALITY AS k (account, n)
JOIN backlog b ON b.account = k.account

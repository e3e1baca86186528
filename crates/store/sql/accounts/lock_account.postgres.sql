-- Quota and idempotency are decided under the account's row lock. Locked in sorted order: two relays whose batches
-- share accounts then wait for each other, and never around a circle.
SELECT k.n - 1, a.plan
FROM unnest($1::bytea[]) WITH ORDINALITY AS k (account, n)
JOIN accounts a ON a.id = k.account
ORDER BY a.id
FOR NO KEY UPDATE OF a

-- As on SQLite. A device that is revoked in this very moment may still get jobs; it cannot take them up, so they go to
-- another one in seconds.
SELECT k.n - 1
FROM unnest($1::bytea[], $2::bytea[]) WITH ORDINALITY AS k (account, id, n)
JOIN devices d ON d.account = k.account AND d.id = k.id AND d.revoked_at IS NULL

INSERT INTO audit (account, seq, at, previous, hash, entries)
SELECT h.account, h.seq, h.at, h.previous, h.hash, k.entries
FROM unnest($1::bytea[], $2::text[]) AS k (account, entries)
JOIN audit_heads h ON h.account = k.account

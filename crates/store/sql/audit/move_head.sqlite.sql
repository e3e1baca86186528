-- On the right of SET stands what the row was before.
INSERT INTO audit_heads (account, seq, at, previous, hash, entries_hash, anchor_seq, anchor_hash)
VALUES ($1, 1, $2, zeroblob(32), audit_hash($1, 1, $2, zeroblob(32), $3), $3, 0, zeroblob(32))
ON CONFLICT (account) DO UPDATE SET
    seq = seq + 1,
    at = excluded.at,
    previous = hash,
    hash = audit_hash(account, seq + 1, excluded.at, hash, excluded.entries_hash),
    entries_hash = excluded.entries_hash

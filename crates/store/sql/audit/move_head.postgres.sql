-- The hash of domain::audit::Block, made here under the head's row lock: the transaction does not ask for the head first.
INSERT INTO audit_heads AS h (account, seq, at, previous, hash, entries_hash, anchor_seq, anchor_hash)
SELECT k.account, 1, k.at, decode(repeat('00', 32), 'hex'),
       sha256('link-peeler audit block 1\012'::bytea || k.account || int8send(1) || int8send(k.at) || decode(repeat('00', 32), 'hex') || k.entries_hash),
       k.entries_hash, 0, decode(repeat('00', 32), 'hex')
FROM unnest($1::bytea[], $2::bigint[], $3::bytea[]) AS k (account, at, entries_hash)
ON CONFLICT (account) DO UPDATE SET
    seq = h.seq + 1,
    at = excluded.at,
    previous = h.hash,
    hash = sha256('link-peeler audit block 1\012'::bytea || h.account || int8send(h.seq + 1) || int8send(excluded.at) || h.hash || excluded.entries_hash),
    entries_hash = excluded.entries_hash

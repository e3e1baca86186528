SELECT a.id, a.name, h.seq, h.hash, h.anchor_seq, h.anchor_hash
FROM accounts a LEFT JOIN audit_heads h ON h.account = a.id
ORDER BY a.id

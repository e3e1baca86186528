INSERT INTO audit (account, seq, at, previous, hash, entries)
SELECT account, seq, at, previous, hash, $2 FROM audit_heads WHERE account = $1

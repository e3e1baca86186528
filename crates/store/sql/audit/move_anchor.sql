UPDATE audit_heads SET anchor_seq = $2, anchor_hash = $3 WHERE account = $1 AND anchor_seq < $2

SELECT seq, hash, anchor_seq, anchor_hash FROM audit_heads WHERE account = $1

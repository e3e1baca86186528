SELECT count(*) FROM audit b WHERE NOT EXISTS (SELECT 1 FROM audit_heads h WHERE h.account = b.account)

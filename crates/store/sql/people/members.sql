SELECT o.id, o.email, o.name, o.created_at, m.role, m.created_at, CAST(CASE WHEN o.passphrase_hash IS NULL THEN 0 ELSE 1 END AS BIGINT),
    (SELECT count(*) FROM identities i WHERE i.operator = o.id)
FROM memberships m JOIN operators o ON o.id = m.operator
WHERE m.account = $1
ORDER BY o.email

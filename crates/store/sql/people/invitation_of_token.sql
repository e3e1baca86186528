SELECT i.account, a.name, i.email, i.role, (SELECT count(*) FROM operators o WHERE o.email = i.email)
FROM invitations i JOIN accounts a ON a.id = i.account
WHERE i.token_hash = $1 AND i.expires_at > $2

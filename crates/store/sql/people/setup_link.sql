SELECT s.account, a.name
FROM setup_links s JOIN accounts a ON a.id = s.account
WHERE s.token_hash = $1 AND s.expires_at > $2

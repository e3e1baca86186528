DELETE FROM setup_links
WHERE token_hash = $1 AND expires_at > $2
RETURNING account

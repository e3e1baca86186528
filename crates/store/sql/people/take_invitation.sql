DELETE FROM invitations
WHERE token_hash = $1 AND expires_at > $2
RETURNING account, email, role

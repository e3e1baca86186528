DELETE FROM invitations
WHERE email = $1 AND expires_at > $2
RETURNING account, role

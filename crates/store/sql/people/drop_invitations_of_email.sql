DELETE FROM invitations WHERE account = $1 AND email = $2

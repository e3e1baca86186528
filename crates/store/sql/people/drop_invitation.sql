DELETE FROM invitations WHERE account = $1 AND id = $2 RETURNING email

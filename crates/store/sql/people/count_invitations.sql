SELECT count(*) FROM invitations WHERE account = $1

SELECT count(*) FROM memberships WHERE account = $1 AND role = $2

SELECT role FROM memberships WHERE account = $1 AND operator = $2

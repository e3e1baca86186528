UPDATE memberships SET role = $3 WHERE account = $1 AND operator = $2

SELECT id, name, plan FROM accounts WHERE name = $1

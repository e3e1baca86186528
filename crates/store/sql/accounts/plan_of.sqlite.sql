SELECT plan FROM accounts WHERE id = $1

SELECT plan FROM accounts a WHERE a.id = $1

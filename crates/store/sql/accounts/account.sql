SELECT id, name, plan, created_at FROM accounts WHERE id = $1

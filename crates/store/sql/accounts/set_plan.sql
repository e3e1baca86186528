UPDATE accounts SET plan = $2 WHERE id = $1

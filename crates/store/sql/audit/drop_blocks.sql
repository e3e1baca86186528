DELETE FROM audit WHERE account = $1 AND seq <= $2

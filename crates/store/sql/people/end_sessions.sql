DELETE FROM sessions WHERE operator = $1

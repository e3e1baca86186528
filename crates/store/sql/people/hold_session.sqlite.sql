SELECT 1 FROM sessions WHERE operator = $1 AND id = $2

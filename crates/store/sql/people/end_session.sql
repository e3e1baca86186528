DELETE FROM sessions WHERE operator = $1 AND id = $2 RETURNING id

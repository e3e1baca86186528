DELETE FROM usage WHERE account = $1 AND environment IN (0, 1) AND month < $2

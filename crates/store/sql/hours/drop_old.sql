DELETE FROM concluded_hours WHERE account = $1 AND environment IN (0, 1) AND hour < $2

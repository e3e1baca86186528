SELECT count(*) FROM (SELECT 1 FROM rows WHERE account = $1 AND environment = $2 LIMIT $3) p

SELECT p.class, count(*)
FROM (SELECT class FROM rows WHERE account = $1 AND environment = $2 AND changed_at >= $3 LIMIT $4) p
GROUP BY p.class

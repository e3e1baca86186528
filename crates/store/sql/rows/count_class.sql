-- Up to a bound: that there are more than a thousand is all that a person needs to know.
SELECT count(*) FROM (SELECT 1 FROM rows WHERE account = $1 AND environment = $2 AND class = $3 AND class > 0 LIMIT $4) p

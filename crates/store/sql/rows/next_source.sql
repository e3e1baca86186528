-- The first source behind another: asked again and again, it lists the sources by as many steps as there are sources.
SELECT source FROM rows WHERE account = $1 AND environment = $2 AND source > $3 ORDER BY account, environment, source LIMIT 1

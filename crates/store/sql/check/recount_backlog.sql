UPDATE backlog
SET waiting = (SELECT count(*) FROM ready WHERE account = $1) + (SELECT count(*) FROM delayed WHERE account = $1)
WHERE account = $1

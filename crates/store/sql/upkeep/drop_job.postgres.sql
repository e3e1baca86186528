DELETE FROM jobs j
USING unnest($1::bytea[], $2::bytea[]) AS k (account, id)
WHERE j.account = k.account AND j.id = k.id

SELECT seq, at, previous, hash, entries FROM audit WHERE account = $1 AND seq < $2 ORDER BY seq DESC LIMIT $3

SELECT seq, at, hash FROM audit WHERE account = $1 ORDER BY seq LIMIT $2

SELECT environment, created_at, expires_at, ended_state FROM jobs WHERE account = $1 AND id = $2 AND environment = $3

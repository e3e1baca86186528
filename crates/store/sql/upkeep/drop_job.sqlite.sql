DELETE FROM jobs WHERE account = $1 AND id = $2

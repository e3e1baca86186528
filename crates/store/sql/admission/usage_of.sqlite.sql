SELECT used FROM usage WHERE account = $1 AND environment = $2 AND month = $3

SELECT count(*) FROM api_keys WHERE account = $1

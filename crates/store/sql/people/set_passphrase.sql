UPDATE operators SET passphrase_hash = $2 WHERE id = $1 RETURNING id

UPDATE operators SET passphrase_hash = NULL WHERE id = $1

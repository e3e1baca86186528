SELECT id, email, name, created_at, passphrase_hash FROM operators WHERE email = $1

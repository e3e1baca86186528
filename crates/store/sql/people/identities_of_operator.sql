SELECT issuer, subject FROM identities WHERE operator = $1

SELECT issuer, subject FROM identities WHERE operator = $1 AND issuer = $2

SELECT operator FROM identities WHERE issuer = $1 AND subject = $2

SELECT sealed_code FROM wanted_links WHERE user_code = $1 AND expires_at > $2

DELETE FROM wanted_links WHERE expires_at <= $1

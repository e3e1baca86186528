DELETE FROM setup_links WHERE account = $1

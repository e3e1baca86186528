DELETE FROM device_links WHERE expires_at <= $1

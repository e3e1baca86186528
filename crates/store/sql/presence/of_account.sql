SELECT device, seen_at, version FROM device_presence WHERE account = $1

-- Older news than what is known, from another relay with a slower clock say, changes nothing.
INSERT INTO device_presence (account, device, seen_at, version)
VALUES ($1, $2, $3, $4)
ON CONFLICT (account, device) DO UPDATE SET seen_at = excluded.seen_at, version = excluded.version
WHERE excluded.seen_at > device_presence.seen_at

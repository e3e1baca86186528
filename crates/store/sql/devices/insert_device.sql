INSERT INTO devices (account, id, public_key, name, platform, linked_at)
VALUES ($1, $2, $3, $4, $5, $6)

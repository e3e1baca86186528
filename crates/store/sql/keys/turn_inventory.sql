INSERT INTO key_inventories (account, version) VALUES ($1, 1)
ON CONFLICT (account) DO UPDATE SET version = key_inventories.version + 1

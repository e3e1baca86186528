SELECT version FROM key_inventories WHERE account = $1

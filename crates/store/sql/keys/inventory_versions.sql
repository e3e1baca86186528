SELECT account, version FROM key_inventories

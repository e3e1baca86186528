DELETE FROM account_settings WHERE account = $1 AND name = $2

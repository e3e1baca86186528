SELECT name, value FROM account_settings WHERE account = $1 AND name IN ('channel.source', 'channel.freshness_seconds')

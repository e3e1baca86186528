-- A row comes back when the value is another one than before.
INSERT INTO account_settings (account, name, value, changed_at)
VALUES ($1, $2, $3, $4)
ON CONFLICT (account, name) DO UPDATE SET value = excluded.value, changed_at = excluded.changed_at
WHERE account_settings.value <> excluded.value
RETURNING name

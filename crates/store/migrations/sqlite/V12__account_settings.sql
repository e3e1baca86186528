-- What an account has chosen, by name; what it has not chosen is as the relay has it. Never a secret.
CREATE TABLE account_settings (
    account    BLOB    NOT NULL,
    name       TEXT    NOT NULL,
    value      TEXT    NOT NULL,
    changed_at INTEGER NOT NULL,
    PRIMARY KEY (account, name)
) WITHOUT ROWID;

-- What an account has chosen, by name; what it has not chosen is as the relay has it. Never a secret.
CREATE TABLE account_settings (
    account    BYTEA  NOT NULL,
    name       TEXT COLLATE "C" NOT NULL,
    value      TEXT COLLATE "C" NOT NULL,
    changed_at BIGINT NOT NULL,
    PRIMARY KEY (account, name)
);

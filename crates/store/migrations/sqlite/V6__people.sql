-- Persons who sign in. One person may belong to many accounts; memberships say what they may do in each.
CREATE TABLE operators (
    id              BLOB    NOT NULL PRIMARY KEY,
    email           TEXT    NOT NULL UNIQUE,     -- in lower case
    name            TEXT    NOT NULL,
    passphrase_hash TEXT,                        -- argon2id, with its parameters; null: signs in by an identity alone
    created_at      INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TABLE memberships (
    account    BLOB    NOT NULL,
    operator   BLOB    NOT NULL,
    role       INTEGER NOT NULL,                 -- 0 viewer, 1 operator, 2 owner
    created_at INTEGER NOT NULL,
    PRIMARY KEY (account, operator)
) WITHOUT ROWID;
CREATE INDEX memberships_by_operator ON memberships (operator, account);

-- Operators who are signed in, each in one browser. Tokens are kept as hashes.
CREATE TABLE sessions (
    token_hash   BLOB    NOT NULL PRIMARY KEY,
    id           BLOB    NOT NULL UNIQUE,
    operator     BLOB    NOT NULL,
    created_at   INTEGER NOT NULL,
    last_seen_at INTEGER NOT NULL,
    address      TEXT    NOT NULL,
    user_agent   TEXT    NOT NULL
) WITHOUT ROWID;
CREATE INDEX sessions_by_operator ON sessions (operator, created_at);

CREATE TABLE invitations (
    account    BLOB    NOT NULL,
    id         BLOB    NOT NULL,
    email      TEXT    NOT NULL,
    role       INTEGER NOT NULL,
    token_hash BLOB    NOT NULL UNIQUE,
    invited_by BLOB,                             -- null: from the relay's own machine
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    PRIMARY KEY (account, id)
) WITHOUT ROWID;
CREATE INDEX invitations_by_email ON invitations (email, account);

-- Who an operator is to an OpenID provider.
CREATE TABLE identities (
    issuer     TEXT    NOT NULL,
    subject    TEXT    NOT NULL,
    operator   BLOB    NOT NULL,
    created_at INTEGER NOT NULL,
    PRIMARY KEY (issuer, subject)
) WITHOUT ROWID;
CREATE INDEX identities_by_operator ON identities (operator, issuer);

-- One-time links that make an owner of whoever opens them.
CREATE TABLE setup_links (
    account    BLOB    NOT NULL,
    token_hash BLOB    NOT NULL UNIQUE,
    expires_at INTEGER NOT NULL,
    PRIMARY KEY (account, token_hash)
) WITHOUT ROWID;

-- An operator's no to a code; null: approved.
ALTER TABLE device_links ADD COLUMN denied INTEGER;

-- Codes that an operator has typed at a relay which did not know them. The desktop's next poll, at whichever relay, brings
-- what it polls with, which tells who it is; that is kept sealed.
CREATE TABLE wanted_links (
    user_code   TEXT NOT NULL PRIMARY KEY,
    expires_at  INTEGER NOT NULL,
    sealed_code BLOB
) WITHOUT ROWID;

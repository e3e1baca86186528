-- Persons who sign in. One person may belong to many accounts; memberships say what they may do in each.
CREATE TABLE operators (
    id              BYTEA NOT NULL PRIMARY KEY,
    email           TEXT COLLATE "C" NOT NULL UNIQUE,     -- in lower case
    name            TEXT COLLATE "C" NOT NULL,
    passphrase_hash TEXT COLLATE "C",                        -- argon2id, with its parameters; null: signs in by an identity alone
    created_at      BIGINT NOT NULL
);

CREATE TABLE memberships (
    account    BYTEA NOT NULL,
    operator   BYTEA NOT NULL,
    role       BIGINT NOT NULL,                 -- 0 viewer, 1 operator, 2 owner
    created_at BIGINT NOT NULL,
    PRIMARY KEY (account, operator)
);
CREATE INDEX memberships_by_operator ON memberships (operator, account);

-- Operators who are signed in, each in one browser. Tokens are kept as hashes.
CREATE TABLE sessions (
    token_hash   BYTEA NOT NULL PRIMARY KEY,
    id           BYTEA NOT NULL UNIQUE,
    operator     BYTEA NOT NULL,
    created_at   BIGINT NOT NULL,
    last_seen_at BIGINT NOT NULL,
    address      TEXT COLLATE "C" NOT NULL,
    user_agent   TEXT COLLATE "C" NOT NULL
);
CREATE INDEX sessions_by_operator ON sessions (operator, created_at);

CREATE TABLE invitations (
    account    BYTEA NOT NULL,
    id         BYTEA NOT NULL,
    email      TEXT COLLATE "C" NOT NULL,
    role       BIGINT NOT NULL,
    token_hash BYTEA NOT NULL UNIQUE,
    invited_by BYTEA,                             -- null: from the relay's own machine
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    PRIMARY KEY (account, id)
);
CREATE INDEX invitations_by_email ON invitations (email, account);

-- Who an operator is to an OpenID provider.
CREATE TABLE identities (
    issuer     TEXT COLLATE "C" NOT NULL,
    subject    TEXT COLLATE "C" NOT NULL,
    operator   BYTEA NOT NULL,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (issuer, subject)
);
CREATE INDEX identities_by_operator ON identities (operator, issuer);

-- One-time links that make an owner of whoever opens them.
CREATE TABLE setup_links (
    account    BYTEA NOT NULL,
    token_hash BYTEA NOT NULL UNIQUE,
    expires_at BIGINT NOT NULL,
    PRIMARY KEY (account, token_hash)
);

-- An operator's no to a code; null: approved.
ALTER TABLE device_links ADD COLUMN denied BIGINT;

-- Codes that an operator has typed at a relay which did not know them. The desktop's next poll, at whichever relay, brings
-- what it polls with, which tells who it is; that is kept sealed.
CREATE TABLE wanted_links (
    user_code   TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    expires_at  BIGINT NOT NULL,
    sealed_code BYTEA
);

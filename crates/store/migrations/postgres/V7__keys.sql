-- Who may do what with a key, until when, and the secret before the present one while both sign.
ALTER TABLE api_keys ADD COLUMN scopes           BIGINT NOT NULL DEFAULT 7; -- submit 1, read 2, cancel 4
ALTER TABLE api_keys ADD COLUMN addresses        TEXT COLLATE "C"; -- ranges, with spaces between; null: from anywhere
ALTER TABLE api_keys ADD COLUMN expires_at       BIGINT;
ALTER TABLE api_keys ADD COLUMN made_by          BYTEA;            -- the device that handed it in
ALTER TABLE api_keys ADD COLUMN last_used_at     BIGINT;
ALTER TABLE api_keys ADD COLUMN rotation         BIGINT NOT NULL DEFAULT 0; -- how often it got another secret
ALTER TABLE api_keys ADD COLUMN previous_sealed  BYTEA;            -- null once it has stopped signing
ALTER TABLE api_keys ADD COLUMN previous_ends_at BIGINT;
CREATE INDEX api_keys_by_overlap ON api_keys (previous_ends_at) WHERE previous_sealed IS NOT NULL;

-- Grows with every change of an account's keys, so that its desktops know when to look.
CREATE TABLE key_inventories (
    account BYTEA  NOT NULL PRIMARY KEY,
    version BIGINT NOT NULL
);

-- The sealing keys that this database's secrets were sealed with, by the id that each sealed record begins with; the last
-- is the one in use. Never the keys themselves. A relay that lacks one does not start.
CREATE TABLE sealing_generations (
    number BIGINT NOT NULL PRIMARY KEY,
    id     BYTEA  NOT NULL UNIQUE,
    since  BIGINT NOT NULL
);

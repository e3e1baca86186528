-- Who may do what with a key, until when, and the secret before the present one while both sign.
ALTER TABLE api_keys ADD COLUMN scopes           INTEGER NOT NULL DEFAULT 7; -- submit 1, read 2, cancel 4
ALTER TABLE api_keys ADD COLUMN addresses        TEXT;                       -- ranges, with spaces between; null: from anywhere
ALTER TABLE api_keys ADD COLUMN expires_at       INTEGER;
ALTER TABLE api_keys ADD COLUMN made_by          BLOB;                       -- the device that handed it in
ALTER TABLE api_keys ADD COLUMN last_used_at     INTEGER;
ALTER TABLE api_keys ADD COLUMN rotation         INTEGER NOT NULL DEFAULT 0; -- how often it got another secret
ALTER TABLE api_keys ADD COLUMN previous_sealed  BLOB;                       -- null once it has stopped signing
ALTER TABLE api_keys ADD COLUMN previous_ends_at INTEGER;
CREATE INDEX api_keys_by_overlap ON api_keys (previous_ends_at) WHERE previous_sealed IS NOT NULL;

-- Grows with every change of an account's keys, so that its desktops know when to look.
CREATE TABLE key_inventories (
    account BLOB    NOT NULL PRIMARY KEY,
    version INTEGER NOT NULL
) WITHOUT ROWID;

-- The sealing keys that this database's secrets were sealed with, by the id that each sealed record begins with; the last
-- is the one in use. Never the keys themselves. A relay that lacks one does not start.
CREATE TABLE sealing_generations (
    number INTEGER NOT NULL PRIMARY KEY,
    id     BLOB    NOT NULL UNIQUE,
    since  INTEGER NOT NULL
);

-- What was decided, one block for each account and commit, each tied to the one before it by its hash. Blocks are only
-- added at the end and pruned from the front. Not WITHOUT ROWID: a block may be large, and its key must not drag it along.
CREATE TABLE audit (
    account  BLOB    NOT NULL,
    seq      INTEGER NOT NULL,           -- 1, 2, 3, … without a gap
    at       INTEGER NOT NULL,
    previous BLOB    NOT NULL,
    hash     BLOB    NOT NULL,
    entries  TEXT    NOT NULL,           -- JSON, byte for byte as it was hashed
    PRIMARY KEY (account, seq)
);

-- Where each account's chain ends, and where pruning has cut it off.
CREATE TABLE audit_heads (
    account      BLOB    NOT NULL PRIMARY KEY,
    seq          INTEGER NOT NULL,
    at           INTEGER NOT NULL,
    previous     BLOB    NOT NULL,
    hash         BLOB    NOT NULL,
    entries_hash BLOB    NOT NULL,
    anchor_seq   INTEGER NOT NULL,
    anchor_hash  BLOB    NOT NULL
) WITHOUT ROWID;

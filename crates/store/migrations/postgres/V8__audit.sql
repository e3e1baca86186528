-- What was decided, one block for each account and commit, each tied to the one before it by its hash. Blocks are only
-- added at the end and pruned from the front.
CREATE TABLE audit (
    account  BYTEA  NOT NULL,
    seq      BIGINT NOT NULL,            -- 1, 2, 3, … without a gap
    at       BIGINT NOT NULL,
    previous BYTEA  NOT NULL,
    hash     BYTEA  NOT NULL,
    entries  TEXT COLLATE "C" NOT NULL,  -- JSON, byte for byte as it was hashed
    PRIMARY KEY (account, seq)
);

-- Where each account's chain ends, and where pruning has cut it off. Locked last of all by whoever adds a block: so the
-- numbers have no gap, and a block that can be seen has all those before it beside it.
CREATE TABLE audit_heads (
    account      BYTEA  NOT NULL PRIMARY KEY,
    seq          BIGINT NOT NULL,
    at           BIGINT NOT NULL,
    previous     BYTEA  NOT NULL,
    hash         BYTEA  NOT NULL,
    entries_hash BYTEA  NOT NULL,
    anchor_seq   BIGINT NOT NULL,
    anchor_hash  BYTEA  NOT NULL
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000, autovacuum_vacuum_cost_delay = 0);

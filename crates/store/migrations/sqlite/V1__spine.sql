-- Ids are 16 bytes, times milliseconds since 1970, environments 0 (live) and 1 (test), booleans 0 and 1.
-- Every key begins with the account, so that accounts can be spread over several databases.

CREATE TABLE accounts (
    id         BLOB    NOT NULL PRIMARY KEY,
    name       TEXT    NOT NULL UNIQUE,
    plan       TEXT    NOT NULL,
    created_at INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TABLE api_keys (
    account       BLOB    NOT NULL,
    key_id        TEXT    NOT NULL UNIQUE,
    environment   INTEGER NOT NULL,
    label         TEXT    NOT NULL,
    sealed_secret BLOB    NOT NULL,
    created_at    INTEGER NOT NULL,
    revoked_at    INTEGER,
    PRIMARY KEY (account, key_id)
) WITHOUT ROWID;

CREATE TABLE devices (
    account    BLOB    NOT NULL,
    id         BLOB    NOT NULL UNIQUE,
    public_key BLOB    NOT NULL,
    name       TEXT    NOT NULL,
    platform   TEXT    NOT NULL,
    linked_at  INTEGER NOT NULL,
    revoked_at INTEGER,
    PRIMARY KEY (account, id)
) WITHOUT ROWID;

-- Approved linking codes, until the desktop that polls with the code makes a device of it. Codes that nobody has
-- approved are kept in memory alone: asking for one needs no authentication, so it must not write.
CREATE TABLE device_links (
    account          BLOB    NOT NULL,
    device_code_hash BLOB    NOT NULL UNIQUE,
    public_key       BLOB    NOT NULL,
    name             TEXT    NOT NULL,
    platform         TEXT    NOT NULL,
    expires_at       INTEGER NOT NULL,
    PRIMARY KEY (account, device_code_hash)
) WITHOUT ROWID;
CREATE INDEX device_links_by_end ON device_links (expires_at);

-- The job's record: written once at admission, once at its end. Where a job is in between, the queue tables say.
CREATE TABLE jobs (
    account         BLOB    NOT NULL,
    id              BLOB    NOT NULL,
    environment     INTEGER NOT NULL,
    idempotency_key TEXT    NOT NULL,
    source          TEXT    NOT NULL,
    row_id          TEXT    NOT NULL,
    tracking_url    TEXT    NOT NULL,
    expected_domain TEXT,
    context         TEXT,                -- JSON; null: nothing asked for
    created_at      INTEGER NOT NULL,
    expires_at      INTEGER NOT NULL,
    ended_state     INTEGER,             -- 2 concluded, 3 cancelled
    ended_at        INTEGER,
    conclusion      TEXT,
    ended_fence     INTEGER,             -- fence and device of the result that took effect
    ended_by        BLOB,
    PRIMARY KEY (account, id)
) WITHOUT ROWID;
CREATE INDEX jobs_by_row ON jobs (account, row_id, id);

-- Results carry the evidence and may be large: apart from the record, so that lists stay quick.
CREATE TABLE results (
    account BLOB NOT NULL,
    job_id  BLOB NOT NULL,
    result  TEXT NOT NULL,
    PRIMARY KEY (account, job_id)
) WITHOUT ROWID;

CREATE TABLE idempotency (
    account     BLOB    NOT NULL,
    environment INTEGER NOT NULL,
    key         TEXT    NOT NULL,
    job_id      BLOB    NOT NULL,
    fingerprint BLOB    NOT NULL,
    PRIMARY KEY (account, environment, key)
) WITHOUT ROWID;

CREATE TABLE rows (
    account         BLOB    NOT NULL,
    environment     INTEGER NOT NULL,
    source          TEXT    NOT NULL,
    row_id          TEXT    NOT NULL,
    offer_name      TEXT,
    tracking_url    TEXT    NOT NULL,
    expected_domain TEXT,
    job_id          BLOB    NOT NULL,    -- the newest job made for the row; only its result is taken
    conclusion      TEXT,
    final_url       TEXT,
    detail          TEXT,
    last_checked    INTEGER,
    context_used    INTEGER,
    checked_hash    BLOB,                -- over the inputs that were checked
    PRIMARY KEY (account, environment, source, row_id)
) WITHOUT ROWID;

CREATE TABLE usage (
    account     BLOB    NOT NULL,
    environment INTEGER NOT NULL,
    month       INTEGER NOT NULL,        -- months since year 0
    used        INTEGER NOT NULL,
    PRIMARY KEY (account, environment, month)
) WITHOUT ROWID;

-- Jobs that wait, counted: a count(*) over a backlog of millions would cost what it counts.
CREATE TABLE backlog (
    account BLOB    NOT NULL PRIMARY KEY,
    waiting INTEGER NOT NULL
) WITHOUT ROWID;

-- The queue. A job is in exactly one of the three while it has not ended, and in none of them afterwards. Jobs that
-- cannot be leased yet stand apart, so that a pull never walks over them.
CREATE TABLE ready (
    account     BLOB    NOT NULL,
    priority    INTEGER NOT NULL,
    ready_at    INTEGER NOT NULL,
    job_id      BLOB    NOT NULL,
    environment INTEGER NOT NULL,
    fence       INTEGER NOT NULL,
    attempts    INTEGER NOT NULL,
    expires_at  INTEGER NOT NULL,
    PRIMARY KEY (account, priority, ready_at, job_id)
) WITHOUT ROWID;
CREATE INDEX ready_by_deadline ON ready (expires_at);

CREATE TABLE delayed (
    account     BLOB    NOT NULL,
    job_id      BLOB    NOT NULL,
    environment INTEGER NOT NULL,
    priority    INTEGER NOT NULL,
    fence       INTEGER NOT NULL,
    attempts    INTEGER NOT NULL,
    expires_at  INTEGER NOT NULL,
    due_at      INTEGER NOT NULL,
    PRIMARY KEY (account, job_id)
) WITHOUT ROWID;
CREATE INDEX delayed_by_time ON delayed (due_at);

CREATE TABLE leased (
    account       BLOB    NOT NULL,
    job_id        BLOB    NOT NULL,
    environment   INTEGER NOT NULL,
    priority      INTEGER NOT NULL,
    fence         INTEGER NOT NULL,
    attempts      INTEGER NOT NULL,      -- this one included
    expires_at    INTEGER NOT NULL,
    device        BLOB    NOT NULL,
    poll_id       BLOB    NOT NULL,
    taken_up      INTEGER NOT NULL,      -- whether the lease was renewed at least once
    lease_ends_at INTEGER NOT NULL,
    PRIMARY KEY (account, job_id)
) WITHOUT ROWID;
CREATE INDEX leased_by_end ON leased (lease_ends_at);
CREATE INDEX leased_by_poll ON leased (account, device, poll_id);

-- Spent nonces, in a ring of time slices that are dropped whole. `nonce_slots` says which slice a table holds; a slice
-- that is older than the one in its slot has been forgotten, and requests of its time are refused for good.
CREATE TABLE nonce_slots (
    slot  INTEGER NOT NULL PRIMARY KEY,
    slice INTEGER NOT NULL
);
INSERT INTO nonce_slots (slot, slice) VALUES (0, 0), (1, 0), (2, 0), (3, 0), (4, 0), (5, 0), (6, 0), (7, 0);
CREATE TABLE nonces_0 (account BLOB NOT NULL, hash BLOB NOT NULL, PRIMARY KEY (account, hash)) WITHOUT ROWID;
CREATE TABLE nonces_1 (account BLOB NOT NULL, hash BLOB NOT NULL, PRIMARY KEY (account, hash)) WITHOUT ROWID;
CREATE TABLE nonces_2 (account BLOB NOT NULL, hash BLOB NOT NULL, PRIMARY KEY (account, hash)) WITHOUT ROWID;
CREATE TABLE nonces_3 (account BLOB NOT NULL, hash BLOB NOT NULL, PRIMARY KEY (account, hash)) WITHOUT ROWID;
CREATE TABLE nonces_4 (account BLOB NOT NULL, hash BLOB NOT NULL, PRIMARY KEY (account, hash)) WITHOUT ROWID;
CREATE TABLE nonces_5 (account BLOB NOT NULL, hash BLOB NOT NULL, PRIMARY KEY (account, hash)) WITHOUT ROWID;
CREATE TABLE nonces_6 (account BLOB NOT NULL, hash BLOB NOT NULL, PRIMARY KEY (account, hash)) WITHOUT ROWID;
CREATE TABLE nonces_7 (account BLOB NOT NULL, hash BLOB NOT NULL, PRIMARY KEY (account, hash)) WITHOUT ROWID;

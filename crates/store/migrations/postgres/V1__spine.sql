-- Ids are 16 bytes, times milliseconds since 1970, environments 0 (live) and 1 (test), booleans 0 and 1: all as in the
-- embedded database, so that one statement serves both wherever it can. Texts that order a page compare by bytes (COLLATE "C"), as there.
-- Every key begins with the account, so that accounts can be spread over several databases.

CREATE TABLE accounts (
    id         BYTEA   NOT NULL PRIMARY KEY,
    name       TEXT COLLATE "C" NOT NULL UNIQUE,
    plan       TEXT COLLATE "C" NOT NULL,
    created_at BIGINT  NOT NULL
);

CREATE TABLE api_keys (
    account       BYTEA   NOT NULL,
    key_id        TEXT COLLATE "C" NOT NULL UNIQUE,
    environment   BIGINT  NOT NULL,
    label         TEXT COLLATE "C" NOT NULL,
    sealed_secret BYTEA   NOT NULL,
    created_at    BIGINT  NOT NULL,
    revoked_at    BIGINT ,
    PRIMARY KEY (account, key_id)
);

CREATE TABLE devices (
    account    BYTEA   NOT NULL,
    id         BYTEA   NOT NULL UNIQUE,
    public_key BYTEA   NOT NULL,
    name       TEXT COLLATE "C" NOT NULL,
    platform   TEXT COLLATE "C" NOT NULL,
    linked_at  BIGINT  NOT NULL,
    revoked_at BIGINT ,
    PRIMARY KEY (account, id)
);

-- Approved linking codes, until the desktop that polls with the code makes a device of it. Codes that nobody has
-- approved are kept in memory alone: asking for one needs no authentication, so it must not write.
CREATE TABLE device_links (
    account          BYTEA   NOT NULL,
    device_code_hash BYTEA   NOT NULL UNIQUE,
    public_key       BYTEA   NOT NULL,
    name             TEXT COLLATE "C" NOT NULL,
    platform         TEXT COLLATE "C" NOT NULL,
    expires_at       BIGINT  NOT NULL,
    PRIMARY KEY (account, device_code_hash)
);
CREATE INDEX device_links_by_end ON device_links (expires_at);

-- The job's record: written once at admission, once at its end. Where a job is in between, the queue tables say.
CREATE TABLE jobs (
    account         BYTEA   NOT NULL,
    id              BYTEA   NOT NULL,
    environment     BIGINT  NOT NULL,
    idempotency_key TEXT COLLATE "C" NOT NULL,
    source          TEXT COLLATE "C" NOT NULL,
    row_id          TEXT COLLATE "C" NOT NULL,
    tracking_url    TEXT COLLATE "C" NOT NULL,
    expected_domain TEXT,
    context         TEXT,                -- JSON; null: nothing asked for
    created_at      BIGINT  NOT NULL,
    expires_at      BIGINT  NOT NULL,
    ended_state     BIGINT ,             -- 2 concluded, 3 cancelled
    ended_at        BIGINT ,
    conclusion      TEXT,
    ended_fence     BIGINT ,             -- fence and device of the result that took effect
    ended_by        BYTEA,
    PRIMARY KEY (account, id)
);
CREATE INDEX jobs_by_row ON jobs (account, row_id, id);

-- Results carry the evidence and may be large: apart from the record, so that lists stay quick.
CREATE TABLE results (
    account BYTEA NOT NULL,
    job_id  BYTEA NOT NULL,
    result  TEXT NOT NULL,
    PRIMARY KEY (account, job_id)
);

CREATE TABLE idempotency (
    account     BYTEA   NOT NULL,
    environment BIGINT  NOT NULL,
    key         TEXT COLLATE "C" NOT NULL,
    job_id      BYTEA   NOT NULL,
    fingerprint BYTEA   NOT NULL,
    PRIMARY KEY (account, environment, key)
);

CREATE TABLE rows (
    account         BYTEA   NOT NULL,
    environment     BIGINT  NOT NULL,
    source          TEXT COLLATE "C" NOT NULL,
    row_id          TEXT COLLATE "C" NOT NULL,
    offer_name      TEXT,
    tracking_url    TEXT COLLATE "C" NOT NULL,
    expected_domain TEXT,
    job_id          BYTEA   NOT NULL,    -- the newest job made for the row; only its result is taken
    conclusion      TEXT,
    final_url       TEXT,
    detail          TEXT,
    last_checked    BIGINT ,
    context_used    BIGINT ,
    checked_hash    BYTEA,                -- over the inputs that were checked
    PRIMARY KEY (account, environment, source, row_id)
);

CREATE TABLE usage (
    account     BYTEA   NOT NULL,
    environment BIGINT  NOT NULL,
    month       BIGINT  NOT NULL,        -- months since year 0
    used        BIGINT  NOT NULL,
    PRIMARY KEY (account, environment, month)
);

-- Jobs that wait, counted: a count(*) over a backlog of millions would cost what it counts.
CREATE TABLE backlog (
    account BYTEA   NOT NULL PRIMARY KEY,
    waiting BIGINT  NOT NULL
);

-- The queue. A job is in exactly one of the three while it has not ended, and in none of them afterwards. Jobs that
-- cannot be leased yet stand apart, so that a pull never walks over them.
CREATE TABLE ready (
    account     BYTEA   NOT NULL,
    priority    BIGINT  NOT NULL,
    ready_at    BIGINT  NOT NULL,
    job_id      BYTEA   NOT NULL,
    environment BIGINT  NOT NULL,
    fence       BIGINT  NOT NULL,
    attempts    BIGINT  NOT NULL,
    expires_at  BIGINT  NOT NULL,
    PRIMARY KEY (account, priority, ready_at, job_id)
);
CREATE INDEX ready_by_deadline ON ready (expires_at);

CREATE TABLE delayed (
    account     BYTEA   NOT NULL,
    job_id      BYTEA   NOT NULL,
    environment BIGINT  NOT NULL,
    priority    BIGINT  NOT NULL,
    fence       BIGINT  NOT NULL,
    attempts    BIGINT  NOT NULL,
    expires_at  BIGINT  NOT NULL,
    due_at      BIGINT  NOT NULL,
    PRIMARY KEY (account, job_id)
);
CREATE INDEX delayed_by_time ON delayed (due_at);

CREATE TABLE leased (
    account       BYTEA   NOT NULL,
    job_id        BYTEA   NOT NULL,
    environment   BIGINT  NOT NULL,
    priority      BIGINT  NOT NULL,
    fence         BIGINT  NOT NULL,
    attempts      BIGINT  NOT NULL,      -- this one included
    expires_at    BIGINT  NOT NULL,
    device        BYTEA   NOT NULL,
    poll_id       BYTEA   NOT NULL,
    taken_up      BIGINT  NOT NULL,      -- whether the lease was renewed at least once
    lease_ends_at BIGINT  NOT NULL,
    PRIMARY KEY (account, job_id)
);
CREATE INDEX leased_by_end ON leased (lease_ends_at);
CREATE INDEX leased_by_poll ON leased (account, device, poll_id);

-- Spent nonces, in a ring of time slices that are dropped whole. `nonce_slots` says which slice a table holds; a slice
-- that is older than the one in its slot has been forgotten, and requests of its time are refused for good.
CREATE TABLE nonce_slots (
    slot  BIGINT  NOT NULL PRIMARY KEY,
    slice BIGINT  NOT NULL
);
INSERT INTO nonce_slots (slot, slice) VALUES (0, 0), (1, 0), (2, 0), (3, 0), (4, 0), (5, 0), (6, 0), (7, 0);
CREATE TABLE nonces_0 (account BYTEA NOT NULL, hash BYTEA NOT NULL, PRIMARY KEY (account, hash));
CREATE TABLE nonces_1 (account BYTEA NOT NULL, hash BYTEA NOT NULL, PRIMARY KEY (account, hash));
CREATE TABLE nonces_2 (account BYTEA NOT NULL, hash BYTEA NOT NULL, PRIMARY KEY (account, hash));
CREATE TABLE nonces_3 (account BYTEA NOT NULL, hash BYTEA NOT NULL, PRIMARY KEY (account, hash));
CREATE TABLE nonces_4 (account BYTEA NOT NULL, hash BYTEA NOT NULL, PRIMARY KEY (account, hash));
CREATE TABLE nonces_5 (account BYTEA NOT NULL, hash BYTEA NOT NULL, PRIMARY KEY (account, hash));
CREATE TABLE nonces_6 (account BYTEA NOT NULL, hash BYTEA NOT NULL, PRIMARY KEY (account, hash));
CREATE TABLE nonces_7 (account BYTEA NOT NULL, hash BYTEA NOT NULL, PRIMARY KEY (account, hash));

-- The hot tables: rows live for seconds, so dead ones must go as quickly as they come. By absolute threshold, since a share
-- of a table that has just held a million jobs is a great many; without delay, since vacuum that falls behind costs more.
-- Room in each page lets a renewed lease stay on it.
ALTER TABLE ready SET (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 10000, autovacuum_vacuum_insert_scale_factor = 0,
    autovacuum_vacuum_insert_threshold = 100000, autovacuum_vacuum_cost_delay = 0, autovacuum_analyze_scale_factor = 0, autovacuum_analyze_threshold = 50000);
ALTER TABLE leased SET (fillfactor = 80, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000, autovacuum_vacuum_cost_delay = 0,
    autovacuum_analyze_scale_factor = 0, autovacuum_analyze_threshold = 50000);
ALTER TABLE delayed SET (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000, autovacuum_vacuum_cost_delay = 0);
ALTER TABLE backlog SET (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000, autovacuum_vacuum_cost_delay = 0);
ALTER TABLE usage SET (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000, autovacuum_vacuum_cost_delay = 0);

-- What the console asks for that storage could only answer by reading everything.

-- The class of a row's conclusion (0 ok, 1 skipped, 2 review, 3 inconclusive, 4 bad; null: not checked yet), what the
-- conclusion was before, and since when it is another.
ALTER TABLE rows ADD COLUMN class BIGINT;
ALTER TABLE rows ADD COLUMN previous_conclusion TEXT;
ALTER TABLE rows ADD COLUMN changed_at BIGINT;
UPDATE rows SET changed_at = last_checked, class = CASE
    WHEN conclusion IS NULL THEN NULL
    WHEN conclusion = 'valid' THEN 0
    WHEN conclusion IN ('skipped_by_operator', 'skipped_by_rule') THEN 1
    WHEN conclusion IN ('app_handoff', 'drifted') THEN 2
    WHEN conclusion IN ('not_executed', 'context_unavailable', 'timed_out', 'access_challenged', 'http_server_error') THEN 3
    ELSE 4 END;

-- Rows that are not ok are few, and what people look for. Those that are ok stand in no index: a check that finds what the
-- one before found costs nothing more.
CREATE INDEX rows_by_class ON rows (account, environment, class, source, row_id) WHERE class > 0;
CREATE INDEX rows_by_change ON rows (account, environment, changed_at, source, row_id) WHERE changed_at IS NOT NULL;

-- What was concluded in an hour and how long it took from admission to conclusion, counted with the report. Hours since
-- 1970; latency is the number of a bucket (domain::latency).
CREATE TABLE concluded_hours (
    account     BYTEA  NOT NULL,
    environment BIGINT NOT NULL,
    hour        BIGINT NOT NULL,
    conclusion  TEXT    NOT NULL,
    latency     BIGINT NOT NULL,
    jobs        BIGINT NOT NULL,
    PRIMARY KEY (account, environment, hour, conclusion, latency)
);

-- When a device was heard last, to half a minute, and which version it was. Apart from the devices: these change all day.
CREATE TABLE device_presence (
    account BYTEA  NOT NULL,
    device  BYTEA  NOT NULL,
    seen_at BIGINT NOT NULL,
    version TEXT    NOT NULL,
    PRIMARY KEY (account, device)
);

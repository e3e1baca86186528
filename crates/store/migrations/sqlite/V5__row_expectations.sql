-- What a row asks of the final URL beyond its domain (JSON; null: nothing), and what a job was made with.
ALTER TABLE rows ADD COLUMN expectation TEXT;
ALTER TABLE jobs ADD COLUMN expectation TEXT;

-- Rows that a person excluded. Apart from the rows: every admission looks here, and almost always finds nothing.
CREATE TABLE skipped_rows (
    account     BLOB    NOT NULL,
    environment INTEGER NOT NULL,
    source      TEXT    NOT NULL,
    row_id      TEXT    NOT NULL,
    reason      TEXT    NOT NULL,
    skipped_at  INTEGER NOT NULL,
    PRIMARY KEY (account, environment, source, row_id)
) WITHOUT ROWID;

-- A row changes twice for every check: with its newest job, and with what that found, which is also the longer for it. On a page with
-- as much room again both are done in place, and no index hears of it. Pages that are full already keep what they have.
ALTER TABLE rows SET (fillfactor = 45);
-- A job's record is written again at its end, next to its neighbours in the same transaction: a fifth of a page held the first few of
-- them, and two of three got another entry in every index.
ALTER TABLE jobs SET (fillfactor = 55);
-- A row that is ok has no class any more (it was 0), so that its first check changes no column that an index asks about. No
-- rows are rewritten: 0 means the same, until the next check.

-- What the job of a lease is about: its report then need not read the job's record. Null: leased by an earlier version.
ALTER TABLE leased ADD COLUMN source       TEXT;
ALTER TABLE leased ADD COLUMN row_id       TEXT;
ALTER TABLE leased ADD COLUMN checked_hash BYTEA; -- over the inputs that are being checked
ALTER TABLE leased ADD COLUMN context      TEXT;

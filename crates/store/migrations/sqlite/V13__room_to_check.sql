-- What the job of a lease is about: its report then need not read the job's record. Null: leased by an earlier version.
ALTER TABLE leased ADD COLUMN source       TEXT;
ALTER TABLE leased ADD COLUMN row_id       TEXT;
ALTER TABLE leased ADD COLUMN checked_hash BLOB; -- over the inputs that are being checked
ALTER TABLE leased ADD COLUMN context      TEXT;

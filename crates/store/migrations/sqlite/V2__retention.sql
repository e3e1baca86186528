-- How far pruning has come: idempotency keys and records of jobs up to and including these ids are gone. Kept, so that a
-- restart does not walk over the jobs whose keys have gone already, and so that a check knows what must still be there.
CREATE TABLE pruned (
    account      BLOB NOT NULL PRIMARY KEY,
    keys_through BLOB NOT NULL,
    jobs_through BLOB NOT NULL
) WITHOUT ROWID;

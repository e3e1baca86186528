-- How far pruning has come: idempotency keys and records of jobs up to and including these ids are gone. Kept, so that a
-- restart does not walk over the jobs whose keys have gone already, and so that a check knows what must still be there.
CREATE TABLE pruned (
    account      BYTEA NOT NULL PRIMARY KEY,
    keys_through BYTEA NOT NULL,
    jobs_through BYTEA NOT NULL
);

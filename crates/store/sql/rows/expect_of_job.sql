-- A job that waits goes by what its row asks for now; one that has ended keeps what it was made with.
UPDATE jobs SET expectation = $3 WHERE account = $1 AND id = $2 AND ended_state IS NULL

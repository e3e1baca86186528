-- SQLite needs no lock: the writer is alone.
SELECT plan FROM accounts WHERE id = $1

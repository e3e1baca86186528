-- SQLite has one writer, and it is us.
SELECT 1

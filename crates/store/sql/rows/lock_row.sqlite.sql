-- SQLite needs no row lock: the writer is alone.
SELECT expectation, final_url FROM rows WHERE account = $1 AND environment = $2 AND source = $3 AND row_id = $4

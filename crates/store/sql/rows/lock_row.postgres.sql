-- Locked until the transaction ends: two people who edit a row at once do so one after the other.
SELECT expectation, final_url FROM rows WHERE account = $1 AND environment = $2 AND source = $3 AND row_id = $4 FOR UPDATE

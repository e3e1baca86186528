SELECT reason FROM skipped_rows WHERE account = $1 AND environment = $2 AND source = $3 AND row_id = $4

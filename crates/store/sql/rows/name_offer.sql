UPDATE rows SET offer_name = coalesce($5, offer_name) WHERE account = $1 AND environment = $2 AND source = $3 AND row_id = $4 RETURNING job_id, expectation

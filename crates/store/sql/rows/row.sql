SELECT source, row_id, offer_name, tracking_url, expected_domain, job_id, conclusion, final_url, detail, last_checked, context_used, checked_hash
FROM rows
WHERE account = $1 AND environment = $2 AND source = $3 AND row_id = $4

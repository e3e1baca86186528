SELECT source, row_id, offer_name, tracking_url, expected_domain, job_id, conclusion, final_url, detail, last_checked, context_used, checked_hash
FROM rows
WHERE account = $1 AND environment = $2 AND (source, row_id) > ($3, $4)
ORDER BY account, environment, source, row_id
LIMIT $5

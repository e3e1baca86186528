SELECT environment, source, row_id, tracking_url, expected_domain, context, expectation, ended_state
FROM jobs
WHERE account = $1 AND id = $2

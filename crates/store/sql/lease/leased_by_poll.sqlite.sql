SELECT l.job_id, l.fence, l.lease_ends_at, l.expires_at, j.tracking_url, j.expected_domain, j.context, j.expectation
FROM leased l JOIN jobs j ON j.account = l.account AND j.id = l.job_id
WHERE l.account = $1 AND l.device = $2 AND l.poll_id = $3

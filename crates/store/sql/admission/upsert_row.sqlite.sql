-- Keeps what people named and what the last check said; only the inputs and the newest job change.
INSERT INTO rows (account, environment, source, row_id, tracking_url, expected_domain, job_id)
VALUES ($1, $2, $3, $4, $5, $6, $7)
ON CONFLICT (account, environment, source, row_id) DO UPDATE
SET tracking_url = excluded.tracking_url,
    expected_domain = coalesce(excluded.expected_domain, rows.expected_domain),
    job_id = excluded.job_id

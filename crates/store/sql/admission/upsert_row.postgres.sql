-- Keeps what people named and what the last check said; only the inputs and the newest job change.
INSERT INTO rows (account, environment, source, row_id, tracking_url, expected_domain, job_id)
SELECT * FROM unnest($1::bytea[], $2::bigint[], $3::text[], $4::text[], $5::text[], $6::text[], $7::bytea[])
ON CONFLICT (account, environment, source, row_id) DO UPDATE
SET tracking_url = excluded.tracking_url,
    expected_domain = coalesce(excluded.expected_domain, rows.expected_domain),
    job_id = excluded.job_id

-- A job is checked against what its row asks for: the row keeps it, and a check that ignored it would leave the row
-- unready. Of domains the caller's own comes first.
INSERT INTO jobs (account, id, environment, idempotency_key, source, row_id, tracking_url, expected_domain, context, created_at, expires_at,
                  expectation)
SELECT $1, $2, $3, $4, $5, $6, $7, coalesce($8, r.expected_domain), $9, $10, $11, r.expectation
FROM (SELECT 1) AS k
LEFT JOIN rows r ON r.account = $1 AND r.environment = $3 AND r.source = $5 AND r.row_id = $6

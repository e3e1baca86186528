-- A job is checked against what its row asks for: the row keeps it, and a check that ignored it would leave the row
-- unready. Of domains the caller's own comes first.
INSERT INTO jobs (account, id, environment, idempotency_key, source, row_id, tracking_url, expected_domain, context, created_at, expires_at,
                  expectation)
SELECT k.account, k.id, k.environment, k.key, k.source, k.row_id, k.url, coalesce(k.domain, r.expected_domain), k.context, k.created_at,
       k.expires_at, r.expectation
FROM unnest($1::bytea[], $2::bytea[], $3::bigint[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[], $9::text[],
            $10::bigint[], $11::bigint[])
     AS k (account, id, environment, key, source, row_id, url, domain, context, created_at, expires_at)
LEFT JOIN rows r ON r.account = k.account AND r.environment = k.environment AND r.source = k.source AND r.row_id = k.row_id

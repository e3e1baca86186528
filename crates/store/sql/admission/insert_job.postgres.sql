-- A job whose caller names no domain is checked against the one that its row has: the row keeps it, and a check that
-- ignored it would leave the row unready.
INSERT INTO jobs (account, id, environment, idempotency_key, source, row_id, tracking_url, expected_domain, context, created_at, expires_at)
SELECT k.account, k.id, k.environment, k.key, k.source, k.row_id, k.url,
       coalesce(k.domain, (SELECT r.expected_domain FROM rows r
                           WHERE r.account = k.account AND r.environment = k.environment AND r.source = k.source AND r.row_id = k.row_id)),
       k.context, k.created_at, k.expires_at
FROM unnest($1::bytea[], $2::bytea[], $3::bigint[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[], $9::text[],
            $10::bigint[], $11::bigint[])
     AS k (account, id, environment, key, source, row_id, url, domain, context, created_at, expires_at)

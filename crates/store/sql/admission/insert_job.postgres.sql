INSERT INTO jobs (account, id, environment, idempotency_key, source, row_id, tracking_url, expected_domain, context, created_at, expires_at)
SELECT * FROM unnest($1::bytea[], $2::bytea[], $3::bigint[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[], $9::text[],
                     $10::bigint[], $11::bigint[])

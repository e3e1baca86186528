SELECT k.n - 1, s.reason
FROM unnest($1::bytea[], $2::bigint[], $3::text[], $4::text[]) WITH ORDINALITY AS k (account, environment, source, row_id, n)
JOIN skipped_rows s ON s.account = k.account AND s.environment = k.environment AND s.source = k.source AND s.row_id = k.row_id

SELECT k.n - 1, j.environment, j.source, j.row_id, j.tracking_url, j.expected_domain, j.context, j.expectation, j.ended_state
FROM unnest($1::bytea[], $2::bytea[]) WITH ORDINALITY AS k (account, id, n)
CROSS JOIN LATERAL (SELECT * FROM jobs WHERE account = k.account AND id = k.id LIMIT 1) j

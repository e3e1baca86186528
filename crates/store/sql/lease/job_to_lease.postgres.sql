SELECT k.n - 1, j.tracking_url, j.expected_domain, j.context, j.expectation
FROM unnest($1::bytea[], $2::bytea[]) WITH ORDINALITY AS k (account, id, n)
JOIN jobs j ON j.account = k.account AND j.id = k.id

-- A job whose caller names no domain is checked against the one that its row has: the row keeps it, and a check that
-- ignored it would leave the row unready.
INSERT INTO jobs (account, id, environment, idempotency_key, source, row_id, tracking_url, expected_domain, context, created_at, expires_at)
VALUES ($1, $2, $3, $4, $5, $6, $7,
        coalesce($8, (SELECT expected_domain FROM rows WHERE account = $1 AND environment = $3 AND source = $5 AND row_id = $6)),
        $9, $10, $11)

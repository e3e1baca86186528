INSERT INTO skipped_rows (account, environment, source, row_id, reason, skipped_at)
VALUES ($1, $2, $3, $4, $5, $6)
ON CONFLICT (account, environment, source, row_id) DO UPDATE SET reason = excluded.reason, skipped_at = excluded.skipped_at

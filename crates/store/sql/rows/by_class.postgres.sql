-- As on SQLite; here the planner takes the index by itself.
SELECT r.source, r.row_id, r.offer_name, r.tracking_url, r.expected_domain, r.job_id, r.conclusion, r.final_url, r.detail, r.last_checked,
       r.context_used, r.checked_hash, r.expectation, s.reason, r.previous_conclusion, r.changed_at
FROM rows r
LEFT JOIN skipped_rows s ON s.account = r.account AND s.environment = r.environment AND s.source = r.source AND s.row_id = r.row_id
WHERE r.account = $1 AND r.environment = $2 AND r.class = $3 AND r.class > 0 AND (r.source, r.row_id) > ($4, $5)
ORDER BY r.account, r.environment, r.class, r.source, r.row_id
LIMIT $6

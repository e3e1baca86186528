SELECT r.source, r.row_id, r.offer_name, r.tracking_url, r.expected_domain, r.job_id, r.conclusion, r.final_url, r.detail, r.last_checked,
       r.context_used, r.checked_hash, r.expectation, p.reason, r.previous_conclusion, r.changed_at
FROM (SELECT * FROM skipped_rows
      WHERE account = $1 AND environment = $2 AND (source, row_id) > ($3, $4)
      ORDER BY account, environment, source, row_id
      LIMIT $5) p
JOIN rows r ON r.account = p.account AND r.environment = p.environment AND r.source = p.source AND r.row_id = p.row_id
ORDER BY p.source, p.row_id

-- Of a bounded stretch of rows: what a person looks for may be anywhere, and a page must not read a million rows to say that
-- it is not here. The stretch's own end comes along with every row, so that the next page goes on behind it.
SELECT p.source, p.row_id, p.offer_name, p.tracking_url, p.expected_domain, p.job_id, p.conclusion, p.final_url, p.detail, p.last_checked,
       p.context_used, p.checked_hash, p.expectation, s.reason, p.previous_conclusion, p.changed_at
FROM (SELECT * FROM rows
      WHERE account = $1 AND environment = $2 AND (source, row_id) > ($3, $4)
      ORDER BY account, environment, source, row_id
      LIMIT $5) p
LEFT JOIN skipped_rows s ON s.account = p.account AND s.environment = p.environment AND s.source = p.source AND s.row_id = p.row_id
ORDER BY p.source, p.row_id

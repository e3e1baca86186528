-- Without statistics SQLite may walk the primary key instead, which at a million jobs takes half a second.
SELECT j.id, j.environment, j.source, j.row_id, j.tracking_url, j.created_at, j.expires_at, j.ended_state, l.job_id, j.conclusion
FROM (SELECT * FROM jobs INDEXED BY jobs_by_row
      WHERE account = $1 AND row_id = $4 AND id < $2
      ORDER BY account DESC, row_id DESC, id DESC
      LIMIT $3) j
LEFT JOIN leased l ON l.account = j.account AND l.job_id = j.id
ORDER BY j.id DESC

-- A row takes the result of the newest job made for it, never a late one of an older job. A result without a chain does
-- not undo when the link was last followed. A first check that finds a row in order changes nothing that anybody looks for,
-- and so no column that stands in an index.
UPDATE rows
SET conclusion = $6, final_url = $7, detail = $8, last_checked = coalesce($9, last_checked), context_used = $10, checked_hash = $11,
    class = $12,
    previous_conclusion = CASE WHEN conclusion IS $6 THEN previous_conclusion ELSE conclusion END,
    changed_at = CASE WHEN conclusion IS $6 THEN changed_at WHEN conclusion IS NULL AND $12 IS NULL THEN NULL ELSE $13 END
WHERE account = $1 AND environment = $2 AND source = $3 AND row_id = $4 AND job_id = $5

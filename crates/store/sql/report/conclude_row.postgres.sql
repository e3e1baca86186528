-- A row takes the result of the newest job made for it, never a late one of an older job. A result without a chain does
-- not undo when the link was last followed. A first check that finds a row in order changes nothing that anybody looks for,
-- and so no column that stands in an index.
UPDATE rows r
SET conclusion = k.conclusion, final_url = k.final_url, detail = k.detail, last_checked = coalesce(k.last_checked, r.last_checked),
    context_used = k.context_used, checked_hash = k.checked_hash,
    class = k.class,
    previous_conclusion = CASE WHEN r.conclusion IS NOT DISTINCT FROM k.conclusion THEN r.previous_conclusion ELSE r.conclusion END,
    changed_at = CASE WHEN r.conclusion IS NOT DISTINCT FROM k.conclusion THEN r.changed_at
                      WHEN r.conclusion IS NULL AND k.class IS NULL THEN NULL
                      ELSE k.changed_at END
FROM unnest($1::bytea[], $2::bigint[], $3::text[], $4::text[], $5::bytea[], $6::text[], $7::text[], $8::text[], $9::bigint[], $10::bigint[],
            $11::bytea[], $12::bigint[], $13::bigint[])
     AS k (account, environment, source, row_id, job_id, conclusion, final_url, detail, last_checked, context_used, checked_hash, class, changed_at)
WHERE r.account = k.account AND r.environment = k.environment AND r.source = k.source AND r.row_id = k.row_id AND r.job_id = k.job_id

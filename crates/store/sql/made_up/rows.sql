-- The rows after the checks from $2 to before $3. One in a hundred has changed with the last one, the others a month before.
INSERT INTO rows (account, environment, source, row_id, offer_name, tracking_url, expected_domain, job_id, conclusion, final_url, detail, last_checked,
                  context_used, class, previous_conclusion, changed_at)
SELECT account, environment, source, row_id, 'An offer', tracking_url, 'shop.example', id, conclusion, 'https://shop.example/landing/' || row_id,
       'It ended as told.', ended_at, 1,
       CASE conclusion WHEN 'valid' THEN NULL WHEN 'drifted' THEN 2 WHEN 'timed_out' THEN 3 ELSE 4 END,
       CASE WHEN row_id LIKE '%07' THEN 'valid' END, CASE WHEN row_id LIKE '%07' THEN ended_at ELSE ended_at - 2592000000 END
FROM jobs
WHERE account = $1 AND id >= $2 AND id < $3 AND ended_state = 2

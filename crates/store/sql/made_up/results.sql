-- The evidence of the checks from $2 to before $3: $4 with their conclusion and row. Of the rows whose ids end as $5 says.
INSERT INTO results (account, job_id, result)
SELECT account, id, replace(replace($4, '@conclusion', conclusion), '@row', row_id)
FROM jobs
WHERE account = $1 AND id >= $2 AND id < $3 AND conclusion IS NOT NULL AND row_id LIKE $5

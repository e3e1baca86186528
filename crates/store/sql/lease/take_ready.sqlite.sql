-- SQLite needs no row lock: the writer is alone.
DELETE FROM ready
WHERE (account, priority, ready_at, job_id) IN (
    SELECT account, priority, ready_at, job_id
    FROM ready
    WHERE account = $1 AND expires_at > $2 AND (priority, ready_at, job_id) > ($4, $5, $6)
    ORDER BY priority, ready_at, job_id
    LIMIT $3)
RETURNING job_id, priority, ready_at, environment, fence, attempts, expires_at,
          (SELECT tracking_url FROM jobs WHERE account = $1 AND id = ready.job_id),
          (SELECT expected_domain FROM jobs WHERE account = $1 AND id = ready.job_id),
          (SELECT context FROM jobs WHERE account = $1 AND id = ready.job_id),
          (SELECT expectation FROM jobs WHERE account = $1 AND id = ready.job_id),
          (SELECT source FROM jobs WHERE account = $1 AND id = ready.job_id),
          (SELECT row_id FROM jobs WHERE account = $1 AND id = ready.job_id)

INSERT INTO leased (account, job_id, environment, priority, fence, attempts, expires_at, device, poll_id, lease_ends_at, source, row_id,
                    checked_hash, context, taken_up)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, 0)

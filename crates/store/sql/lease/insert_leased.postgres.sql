INSERT INTO leased (account, job_id, environment, priority, fence, attempts, expires_at, device, poll_id, lease_ends_at, source, row_id,
                    checked_hash, context, taken_up)
SELECT k.*, 0
FROM unnest($1::bytea[], $2::bytea[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[], $7::bigint[], $8::bytea[], $9::bytea[], $10::bigint[],
            $11::text[], $12::text[], $13::bytea[], $14::text[]) k

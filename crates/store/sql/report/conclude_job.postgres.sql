UPDATE jobs j
SET ended_state = k.ended_state, ended_at = k.ended_at, conclusion = k.conclusion, ended_fence = k.fence, ended_by = k.device
FROM unnest($1::bytea[], $2::bytea[], $3::bigint[], $4::bigint[], $5::text[], $6::bigint[], $7::bytea[])
     WITH ORDINALITY AS k (account, id, ended_state, ended_at, conclusion, fence, device, n)
WHERE j.account = k.account AND j.id = k.id AND j.ended_state IS NULL
RETURNING k.n - 1

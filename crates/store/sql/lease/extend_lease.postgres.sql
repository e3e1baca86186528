-- Never past the deadline: the relay then concludes the job itself.
UPDATE leased l
SET lease_ends_at = least(k.ends_at, l.expires_at), taken_up = 1
FROM unnest($1::bytea[], $2::bytea[], $3::bigint[], $4::bytea[], $5::bigint[]) WITH ORDINALITY AS k (account, job_id, fence, device, ends_at, n)
WHERE l.account = k.account AND l.job_id = k.job_id AND l.fence = k.fence AND l.device = k.device
RETURNING k.n - 1, l.job_id

SELECT k.n - 1, l.job_id, l.fence, l.lease_ends_at, l.expires_at, j.tracking_url, j.expected_domain, j.context, j.expectation
FROM unnest($1::bytea[], $2::bytea[], $3::bytea[]) WITH ORDINALITY AS k (account, device, poll_id, n)
CROSS JOIN LATERAL (SELECT account, job_id, fence, lease_ends_at, expires_at
                    FROM leased
                    WHERE account = k.account AND device = k.device AND poll_id = k.poll_id
                    OFFSET 0) l
CROSS JOIN LATERAL (SELECT tracking_url, expected_domain, context, expectation FROM jobs WHERE account = l.account AND id = l.job_id LIMIT 1) j
